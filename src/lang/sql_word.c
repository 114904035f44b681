/* SPDX-License-Identifier: Apache-2.0 */
/* sql_word: the list of words as tables. */
#include "lang/sql_word.h"

#define WORD_LENGTH(...) (sizeof((const char[]){__VA_ARGS__}))
#define WORD_ENTRY(id, word_flags, ...) [K_##id] = {.key = SQL_KEY(__VA_ARGS__), .len = WORD_LENGTH(__VA_ARGS__), .flags = (word_flags)},
#define WORD_SLOT(id, word_flags, ...) [SQL_SLOT(SQL_KEY(__VA_ARGS__))] = K_##id,

const struct sql_word_entry sql_words[K_COUNT] = {SQL_WORDS(WORD_ENTRY)};
const uint8_t sql_word_slots[1 << SQL_SLOT_BITS] = {SQL_WORDS(WORD_SLOT)};
