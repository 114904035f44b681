/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/fields.h"

#include "unit.h"

static void protocols_are_found_by_name(void **state)
{
    (void)state;
    const struct sp_proto *p = sp_proto_by_name(SP_LIT("http"));
    assert_non_null(p);
    assert_null(sp_proto_by_name(SP_LIT("HTTP")));
    assert_null(sp_proto_by_name(SP_LIT("")));
    assert_int_equal(sp_proto_field(p, SP_LIT("ip.src")), SP_FIELD_IP_SRC);
    assert_int_equal(sp_proto_field(p, SP_LIT("http.request.uri.path")), SP_HTTP_PATH);
    assert_int_equal(sp_proto_field(p, SP_LIT("http.request.uri.pat")), -1);
}

/* What the rule compiler, the reference pages and the engine take for granted of every catalogue. */
static void every_catalogue_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; sp_protos[i]; i++) {
        const struct sp_proto *p = sp_protos[i];
        assert_true(p->nfields > SP_SESSION_NFIELDS && p->nfields <= SP_FIELDS_MAX && p->state_size <= SP_STATE_MAX);
        for (uint16_t f = 0; f < p->nfields; f++) {
            const struct sp_field *field = &p->fields[f];
            assert_true(field->name && field->doc && field->hint);
            assert_true(field->flags & (SP_F_C2S | SP_F_S2C));
            assert_true(!(field->flags & SP_F_KEYED) || (field->flags & SP_F_REP));
            assert_true(!(field->flags & SP_F_IKEY) || (field->flags & SP_F_KEYED));
            assert_int_equal(sp_proto_field(p, sp_span_str(field->name)), f);
        }
    }
}

static void a_list_that_is_full_says_so(void **state)
{
    (void)state;
    static struct sp_edit edits[SP_EDITS_MAX];
    struct sp_msg m = {.canon = edits};
    for (unsigned i = 0; i < SP_EDITS_MAX; i++)
        assert_true(sp_msg_canon(&m, i, 1, SP_LIT("")));
    assert_false(m.overflow);
    assert_false(sp_msg_canon(&m, 0, 1, SP_LIT("")));
    assert_true(m.overflow);
    assert_int_equal(m.ncanon, SP_EDITS_MAX);
    m = (struct sp_msg){.nvalues = SP_VALUES_MAX};
    assert_false(sp_msg_add(&m, &(struct sp_value){0}));
    assert_true(m.overflow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocols_are_found_by_name),
        cmocka_unit_test(every_catalogue_is_sound),
        cmocka_unit_test(a_list_that_is_full_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
