/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer: where the server's answers end. Packets have no type: what one is follows from the command it answers and from what came before
 * it. "Text Resultset", "COM_STMT_PREPARE Response" and their kin of MySQL 8.0; MariaDB's where they differ.
 */
#include "proto/mysql/mysql.h"

enum { FIRST_OK = 0x00, FIRST_FILE = 0xfb, FIRST_EOF = 0xfe, FIRST_ERROR = 0xff, EOF_MAX = 9 };

struct mysql_answers mysql_answers_of(const struct mysql_state *st)
{
    return (struct mysql_answers){.part = st->part, .cont = st->cont, .left = st->left, .second = st->second};
}

enum mysql_owes mysql_owed(const struct mysql_state *st, const struct mysql_answers *a)
{
    if (a->ended >= st->nowed)
        return st->flags & FLAG_BLIND ? OWES_RESULT : OWES_NOTHING;
    return (enum mysql_owes)(st->owed[a->ended / 2] >> (a->ended & 1 ? 4 : 0) & 15);
}

/* ---- notes ---- */

enum { NOTE_LEFT = 16, NOTE_SECOND = 32, NOTE_PART = 48, NOTE_ENDED = 52, NOTE_REPORTED = 58, NOTE_CONTINUED = 59, NOTE_FAILED = 60 };

uint64_t mysql_answers_note(const struct mysql_answers *a)
{
    return a->status | (uint64_t)a->left << NOTE_LEFT | (uint64_t)a->second << NOTE_SECOND | (uint64_t)a->part << NOTE_PART |
           (uint64_t)a->ended << NOTE_ENDED | (uint64_t)a->reported << NOTE_REPORTED | (uint64_t)a->cont << NOTE_CONTINUED |
           (uint64_t)a->failed << NOTE_FAILED;
}

struct mysql_answers mysql_answers_noted(uint64_t note)
{
    return (struct mysql_answers){
        .status = (uint16_t)note,
        .left = (uint16_t)(note >> NOTE_LEFT),
        .second = (uint16_t)(note >> NOTE_SECOND),
        .part = note >> NOTE_PART & 15,
        .ended = note >> NOTE_ENDED & 63,
        .reported = note >> NOTE_REPORTED & 1,
        .cont = note >> NOTE_CONTINUED & 1,
        .failed = note >> NOTE_FAILED & 1,
    };
}

/* ---- packets ---- */

size_t mysql_answer_needs(const struct mysql_answers *a, uint32_t len, struct sp_span start)
{
    size_t all = len < LOOK ? len : LOOK;
    if (a->cont || len == 0)
        return 0;
    bool plain = a->part != PART_FIRST && a->part != PART_COLUMNS_END && sp_span_at(start, 0) < FIRST_EOF;
    return plain ? 1 : all;
}

bool mysql_rows_end(const struct mysql_state *st, uint32_t len, uint8_t first)
{
    return first == FIRST_EOF && (st->capabilities & CAN_DEPRECATE_EOF ? len < PACKET_MAX : len < EOF_MAX);
}

static void end(struct mysql_answers *a, bool failed)
{
    bool more = a->reported && (a->status & STATUS_MORE_RESULTS) && !failed;
    a->part = PART_FIRST;
    if (more)
        return;
    a->failed = failed;
    a->ended++;
}

static void report(struct mysql_answers *a, uint16_t status)
{
    a->status = status;
    a->reported = true;
}

/* OK, or the EOF that became one. */
static bool read_ok(struct mysql_answers *a, struct sp_span start)
{
    struct sp_cur c = sp_cur_of(start);
    sp_cur_skip(&c, 1);
    (void)mysql_lenenc(&c);
    (void)mysql_lenenc(&c);
    report(a, sp_cur_u16le(&c));
    return sp_cur_ok(&c);
}

static bool read_eof(const struct mysql_state *st, struct mysql_answers *a, struct sp_span start)
{
    if (st->capabilities & CAN_DEPRECATE_EOF)
        return read_ok(a, start);
    struct sp_cur c = sp_cur_of(start);
    sp_cur_skip(&c, 3);
    report(a, sp_cur_u16le(&c));
    return sp_cur_ok(&c);
}

/* An error ends an answer wherever it stands, but for MariaDB's reports of progress, which look like one. */
static bool read_error(const struct mysql_state *st, struct mysql_answers *a, struct sp_span start)
{
    bool progress = (st->more & MORE_PROGRESS) && sp_span_starts(start, SP_LIT("\xff\xff\xff"));
    if (!progress)
        end(a, true);
    return true;
}

static bool read_row(const struct mysql_state *st, struct mysql_answers *a, uint32_t len, struct sp_span start)
{
    a->part = PART_ROWS;
    if (!mysql_rows_end(st, len, start.p[0]))
        return true;
    bool ok = read_eof(st, a, start);
    end(a, false);
    return ok;
}

/* Whether definitions come, where the client may have them already: a byte behind a number or text. */
static bool has_definitions(const struct mysql_state *st, struct sp_cur *c)
{
    bool said = (st->capabilities & CAN_OPTIONAL_METADATA) || (st->more & MORE_CACHE_METADATA);
    return !said || sp_cur_left(c) == 0 || sp_cur_u8(c) != 0;
}

static enum mysql_part behind_columns(const struct mysql_state *st)
{
    return st->capabilities & CAN_DEPRECATE_EOF ? PART_ROWS : PART_COLUMNS_END;
}

static bool read_head(const struct mysql_state *st, struct mysql_answers *a, struct sp_span start)
{
    struct sp_cur c = sp_cur_of(start);
    uint64_t columns = mysql_lenenc(&c);
    if (!sp_cur_ok(&c) || columns > COLUMNS_MAX)
        return false;
    a->left = (uint16_t)columns;
    a->part = has_definitions(st, &c) ? PART_COLUMNS : behind_columns(st);
    return true;
}

static bool read_result(const struct mysql_state *st, struct mysql_answers *a, uint32_t len, struct sp_span start)
{
    bool ok;
    switch (start.p[0]) {
    case FIRST_OK:
        ok = read_ok(a, start);
        end(a, false);
        return ok;
    case FIRST_FILE:
        a->part = PART_FILE;
        return true;
    case FIRST_EOF:
        if (len >= EOF_MAX)
            return read_head(st, a, start);
        ok = read_eof(st, a, start);
        end(a, false);
        return ok;
    default:
        return read_head(st, a, start);
    }
}

/* The columns of a preparation, or its end. */
static void begin_prepared(struct mysql_answers *a)
{
    a->left = a->second;
    if (a->left)
        a->part = PART_PREPARED;
    else
        end(a, false);
}

static bool read_prepared(const struct mysql_state *st, struct mysql_answers *a, struct sp_span start)
{
    struct sp_cur c = sp_cur_of(start);
    bool ok = sp_cur_u8(&c) == FIRST_OK;
    sp_cur_skip(&c, 4);
    a->second = sp_cur_u16le(&c);
    a->left = sp_cur_u16le(&c);
    sp_cur_skip(&c, 3);
    if (!ok || !sp_cur_ok(&c))
        return false;
    a->reported = false;
    if (sp_cur_left(&c) && (st->capabilities & CAN_OPTIONAL_METADATA) && sp_cur_u8(&c) == 0)
        end(a, false);
    else if (a->left)
        a->part = PART_PARAMETERS;
    else
        begin_prepared(a);
    return true;
}

static bool read_packet(const struct mysql_state *st, struct mysql_answers *a, uint32_t len, struct sp_span start)
{
    bool ok = true;
    if (start.p[0] == FIRST_OK)
        ok = read_ok(a, start);
    else if (start.p[0] == FIRST_EOF && len < EOF_MAX)
        ok = read_eof(st, a, start);
    a->status &= (uint16_t)~STATUS_MORE_RESULTS;
    end(a, false);
    return ok;
}

static bool read_first(const struct mysql_state *st, struct mysql_answers *a, uint32_t len, struct sp_span start)
{
    switch (mysql_owed(st, a)) {
    case OWES_RESULT:
    case OWES_FILE:
    case OWES_BINARY:
        return read_result(st, a, len, start);
    case OWES_PREPARED:
        return read_prepared(st, a, start);
    case OWES_ROWS:
        return read_row(st, a, len, start);
    case OWES_PACKET:
        return read_packet(st, a, len, start);
    case OWES_NOTHING:
        break;
    }
    return false;
}

static void count_down(const struct mysql_state *st, struct mysql_answers *a)
{
    bool eof = !(st->capabilities & CAN_DEPRECATE_EOF);
    if (a->left && --a->left)
        return;
    if (a->part == PART_COLUMNS)
        a->part = (uint8_t)behind_columns(st);
    else if (eof)
        a->part = a->part == PART_PARAMETERS ? PART_PARAMETERS_END : PART_PREPARED_END;
    else if (a->part == PART_PARAMETERS)
        begin_prepared(a);
    else
        end(a, false);
}

bool mysql_answer_packet(const struct mysql_state *st, struct mysql_answers *a, uint32_t len, struct sp_span start)
{
    bool continues = a->cont;
    a->cont = len == PACKET_MAX;
    if (continues)
        return true;
    if (len == 0)
        return false;
    if (start.p[0] == FIRST_ERROR)
        return read_error(st, a, start);
    bool ok = true;
    switch ((enum mysql_part)a->part) {
    case PART_FIRST:
        return read_first(st, a, len, start);
    case PART_COLUMNS:
    case PART_PARAMETERS:
    case PART_PREPARED:
        count_down(st, a);
        break;
    case PART_COLUMNS_END:
        ok = read_eof(st, a, start);
        a->part = PART_ROWS;
        if (a->status & STATUS_CURSOR) /* they are fetched */
            end(a, false);
        break;
    case PART_PARAMETERS_END:
        begin_prepared(a);
        break;
    case PART_PREPARED_END:
        end(a, false);
        break;
    case PART_ROWS:
        return read_row(st, a, len, start);
    case PART_FILE:
        return false;
    }
    return ok;
}
