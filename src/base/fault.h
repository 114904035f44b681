/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault: things that go wrong on demand, in the test-only program sallyport-fault. In every other program the hooks below are nothing at all, and fault.c
 * is not part of it.
 *
 *   sallyport-fault-crash, -hang, -exhaust    in a unit of traffic: what its decoder does then
 *   SALLYPORT_FAULT_SEED=S                    in workers, one system call or allocation in SALLYPORT_FAULT_RATE (1000) fails, as S wants it. Every worker has
 *                                             its own sequence, so that a successor does not fail where the one before did
 *   SALLYPORT_FAULT_START=N                   the first N workers of a keeper that inspect die when they start; -1: all of those; -2: plain ones too
 *   SALLYPORT_FAULT_START_AFTER=M             but M live before them
 */
#ifndef SP_BASE_FAULT_H
#define SP_BASE_FAULT_H

#ifdef SP_FAULT

#include "base/span.h"

/* A decoder is about to read these bytes. */
void sp_fault_unit(struct sp_span unit);
/* A worker starts: from here on its calls may fail. */
void sp_fault_worker(bool inspects);
/* Reads the environment again and is as it was before any worker, for tests. */
void sp_fault_reset(void);
/* No call fails from now on. */
void sp_fault_rest(void);

#else

#define sp_fault_unit(unit) ((void)0)
#define sp_fault_worker(inspects) ((void)0)

#endif
#endif
