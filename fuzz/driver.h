/* SPDX-License-Identifier: Apache-2.0 */
/* driver: one input through the target. */
#ifndef FUZZ_DRIVER_H
#define FUZZ_DRIVER_H

#include <stddef.h>
#include <stdint.h>

enum fuzz_limits { FUZZ_INPUT_MAX = 1 << 20 /* longer inputs are cut */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
