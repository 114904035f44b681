/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reads: what the tests of languages share. A test names a reader, which writes what it finds in a value as text; the value is then
 * read three ways: whole; cut short at every place, before an unreadable page; and with too little memory by every amount.
 */
#ifndef TESTS_LANG_READS_H
#define TESTS_LANG_READS_H

#include "lang/lang.h"

#include "unit.h"

typedef void reader(struct sp_span in, struct sp_arena *a, struct sp_buf *out);

int reads_set_up(void **state);
int reads_tear_down(void **state);
/* What `in` reads as, without any check. Valid until the next call of anything here. */
struct sp_span reads_as(reader *read, struct sp_span in);
/* The arena was exhausted by the last reads_as: too complex, or not to be read one way. */
bool reads_exhausted(void);
void reads_check(reader *read, struct sp_span in, struct sp_span text, bool exhausted, const char *file, int line);

#define assert_reads(read, in, text) reads_check(read, SP_LIT(in), SP_LIT(text), false, __FILE__, __LINE__)
/* The same, and it says that it must not be forwarded as inspected. */
#define assert_reads_unclear(read, in, text) reads_check(read, SP_LIT(in), SP_LIT(text), true, __FILE__, __LINE__)

#define reads_group(tests) cmocka_run_group_tests(tests, reads_set_up, reads_tear_down)

#endif
