/* SPDX-License-Identifier: Apache-2.0 */
/* config_table: every key of the configuration. */
#ifndef SP_PROC_CONFIG_TABLE_H
#define SP_PROC_CONFIG_TABLE_H

#include "proc/config.h"

enum config_kind {
    CONFIG_TEXT,
    CONFIG_NUMBER,
    CONFIG_SIZE,     /* bytes: 4096, 64KiB, 8MiB, 1GiB */
    CONFIG_DURATION, /* milliseconds: 500ms, 10s, 2m, 1h */
    CONFIG_BOOL,
    CONFIG_WORD,     /* one of `words`; stored as its number */
    CONFIG_TEXTS,    /* a list of texts, or one */
    CONFIG_MAP,      /* keys of section `inner`, in the same struct */
    CONFIG_MAPS,     /* a list of maps of section `inner`: an array of structs of `item` bytes, at most `max` */
};

enum config_section { SECTION_TOP, SECTION_SERVICE, SECTION_TIMEOUTS, SECTION_EVENT, SECTION_LIMITS };

struct config_key {
    enum config_section section;
    const char *name;
    enum config_kind kind;
    size_t offset;         /* in the section's struct */
    const char *value;     /* default as it would be written; NULL: required, or empty for lists and maps */
    const char *example;   /* shown in the example; NULL: the default is */
    uint64_t min, max;
    const char *const *words; /* WORD: NULL at the end */
    enum config_section inner;
    size_t item, count;    /* MAPS: size of one, where their number goes */
    bool required;
    const char *doc;       /* one sentence */
};

extern const struct config_key config_keys[];
extern const unsigned config_nkeys;
const char *config_kind_name(enum config_kind kind);

#endif
