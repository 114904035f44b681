/* SPDX-License-Identifier: Apache-2.0 */
/* login: the server's greeting, the client's login and COM_CHANGE_USER, and what they say of both. "Connection Phase". */
#include "proto/mysql/mysql.h"

enum login_limits {
    PROTOCOL = 10,
    SCRAMBLE = 8,      /* its first part; the second one has 13 bytes or as many as are announced */
    SCRAMBLE_REST = 13,
    RESERVED = 6,      /* empty bytes in front of MariaDB's capabilities */
    FILLER = 19,       /* the same in a login */
};

/* ---- the greeting ---- */

bool mysql_greeting_read(struct sp_span unit, struct mysql_greeting *ret)
{
    struct sp_cur c = sp_cur_of(unit);
    sp_cur_skip(&c, HEADER);
    bool ten = sp_cur_u8(&c) == PROTOCOL;
    *ret = (struct mysql_greeting){.version = sp_cur_until(&c, 0)};
    sp_cur_skip(&c, 4 + SCRAMBLE + 1);
    ret->low = sp_cur_off(&c);
    ret->capabilities = sp_cur_u16le(&c);
    sp_cur_skip(&c, 1);
    ret->status = sp_cur_u16le(&c);
    ret->high = sp_cur_off(&c);
    ret->capabilities |= (uint32_t)sp_cur_u16le(&c) << 16;
    uint8_t scramble = sp_cur_u8(&c);
    sp_cur_skip(&c, RESERVED);
    ret->extra = sp_cur_off(&c);
    ret->more = sp_cur_u32le(&c);
    if (!sp_cur_ok(&c) || !ten || !(ret->capabilities & CAN_PROTOCOL_41))
        return false;
    if (ret->capabilities & 1) /* CLIENT_MYSQL: no MariaDB */
        ret->more = 0;
    sp_cur_skip(&c, scramble > SCRAMBLE + SCRAMBLE_REST ? (size_t)scramble - SCRAMBLE : SCRAMBLE_REST);
    if (sp_cur_ok(&c) && (ret->capabilities & CAN_PLUGIN_AUTH)) {
        struct sp_span rest = sp_cur_rest(&c);
        ret->plugin = sp_span_sub(rest, 0, sp_span_byte(rest, 0, 0)); /* old servers end it without a zero byte */
    }
    return true;
}

uint32_t mysql_version_of(struct sp_span text, bool *ret_mariadb)
{
    static const struct sp_span prefix = {(const uint8_t *)"5.5.5-", 6}; /* a MariaDB that hides its first digit from old replicas */
    uint32_t number[3] = {0};
    if (sp_span_starts(text, prefix))
        text = sp_span_from(text, prefix.n);
    *ret_mariadb = sp_span_ifind(text, 0, SP_LIT("mariadb")) != SP_NOT_FOUND;
    size_t at = 0;
    for (unsigned i = 0; i < 3; i++, at++) {
        for (; at < text.n && sp_is_digit(text.p[at]) && number[i] < 100; at++)
            number[i] = number[i] * 10 + (text.p[at] - '0');
        if (sp_span_at(text, at) != '.')
            break;
    }
    return number[0] * 10000 + number[1] * 100 + number[2];
}

/* ---- the login ---- */

static struct sp_span find_application(struct sp_span attributes)
{
    struct sp_cur c = sp_cur_of(attributes);
    while (sp_cur_left(&c)) {
        struct sp_span name = mysql_text(&c), value = mysql_text(&c);
        if (sp_cur_ok(&c) && sp_span_eq(name, SP_LIT("program_name")))
            return value;
    }
    return (struct sp_span){NULL, 0};
}

/* Are they pairs? */
static bool attributes_fit(struct sp_span attributes)
{
    struct sp_cur c = sp_cur_of(attributes);
    while (sp_cur_left(&c)) {
        (void)mysql_text(&c);
        (void)mysql_text(&c);
    }
    return sp_cur_ok(&c);
}

static void read_plugin(struct sp_cur *c, struct mysql_login *ret)
{
    if ((ret->capabilities & CAN_PLUGIN_AUTH) && sp_cur_left(c))
        ret->plugin = sp_cur_until(c, 0);
    if ((ret->capabilities & CAN_CONNECT_ATTRS) && sp_cur_left(c)) {
        ret->attributes = mysql_text(c);
        if (!attributes_fit(ret->attributes))
            sp_cur_fail(c, SP_CUR_WRONG);
        ret->application = find_application(ret->attributes);
    }
}

bool mysql_login_read(struct sp_span unit, uint32_t offered, struct mysql_login *ret)
{
    struct sp_cur c = sp_cur_of(unit);
    sp_cur_skip(&c, HEADER);
    *ret = (struct mysql_login){.capabilities = sp_cur_u32le(&c)};
    sp_cur_skip(&c, 4);
    ret->charset = sp_cur_u8(&c);
    sp_cur_skip(&c, FILLER);
    ret->more = sp_cur_u32le(&c);
    if (ret->capabilities & 1)
        ret->more = 0;
    ret->user = sp_cur_until(&c, 0);
    uint32_t both = offered ? ret->capabilities & offered : ret->capabilities;
    if (both & CAN_LENENC_AUTH)
        (void)mysql_text(&c);
    else if (both & CAN_SECURE_CONNECTION)
        sp_cur_skip(&c, sp_cur_u8(&c));
    else
        (void)sp_cur_until(&c, 0);
    if (both & CAN_CONNECT_WITH_DB)
        ret->database = sp_cur_left(&c) ? sp_cur_until(&c, 0) : SP_LIT("");
    read_plugin(&c, ret);
    if ((ret->capabilities & CAN_ZSTD) && sp_cur_left(&c))
        sp_cur_skip(&c, 1); /* the level of a compression that is refused elsewhere */
    return sp_cur_ok(&c) && sp_cur_left(&c) == 0;
}

bool mysql_change_read(struct sp_span payload, uint32_t capabilities, struct mysql_login *ret)
{
    struct sp_cur c = sp_cur_of(payload);
    sp_cur_skip(&c, 1);
    *ret = (struct mysql_login){.capabilities = capabilities, .user = sp_cur_until(&c, 0)};
    if (capabilities & CAN_SECURE_CONNECTION)
        sp_cur_skip(&c, sp_cur_u8(&c));
    else
        (void)sp_cur_until(&c, 0);
    ret->database = sp_cur_until(&c, 0);
    if (sp_cur_left(&c) >= 2)
        ret->charset = sp_cur_u16le(&c);
    read_plugin(&c, ret);
    return sp_cur_ok(&c) && sp_cur_left(&c) == 0;
}

/* ---- what both sides can ---- */

const char *mysql_capability_name(unsigned bit)
{
    static const char *const names[] = {
        "long_password", "found_rows", "long_flag", "connect_with_db", "no_schema", "compress", "odbc", "local_files",
        "ignore_space", "protocol_41", "interactive", "ssl", "ignore_sigpipe", "transactions", "reserved", "secure_connection",
        "multi_statements", "multi_results", "ps_multi_results", "plugin_auth", "connect_attrs", "plugin_auth_lenenc_client_data",
        "can_handle_expired_passwords", "session_track", "deprecate_eof", "optional_resultset_metadata", "zstd_compression_algorithm",
        "query_attributes", "multi_factor_authentication", "capability_extension", "ssl_verify_server_cert", "remember_options",
    };
    return bit < sizeof names / sizeof *names ? names[bit] : NULL;
}

bool mysql_charset_trails(unsigned collation)
{
    /* big5, sjis, gbk, cp932 and gb18030 of MySQL, and MariaDB's variants of them without padding */
    static const uint16_t trailing[] = {1, 13, 28, 84, 87, 88, 95, 96, 248, 249, 250, 1025, 1037, 1052, 1108, 1111, 1112, 1119, 1120};
    for (size_t i = 0; i < sizeof trailing / sizeof *trailing; i++) {
        if (trailing[i] == collation)
            return true;
    }
    return false;
}
