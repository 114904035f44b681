/* SPDX-License-Identifier: Apache-2.0 */
/* unit: what every unit test includes; cmocka wants these four before it. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"

/* The span holds exactly this text. */
#define assert_span(s, text)                                                                                           \
    do {                                                                                                               \
        struct sp_span unit_got = (s);                                                                                 \
        assert_int_equal(unit_got.n, sizeof(text) - 1);                                                                \
        if (sizeof(text) > 1)                                                                                          \
            assert_memory_equal(unit_got.p, text, sizeof(text) - 1);                                                   \
    } while (0)

#endif
