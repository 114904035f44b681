/* SPDX-License-Identifier: Apache-2.0 */
/* inside: what the files of the engine share and nobody else calls. */
#ifndef SP_ENGINE_INSIDE_H
#define SP_ENGINE_INSIDE_H

#include "engine/session.h"

/* ---- block.c: the bytes of one direction ---- */

static inline const struct sp_proto *session_proto(const struct sp_session *s) { return sp_protos[s->proto]; }
static inline enum sp_dir other_dir(enum sp_dir d) { return d == SP_C2S ? SP_S2C : SP_C2S; }
/* What is being judged: [clear, have). */
struct sp_span side_pending(const struct sp_engine *e, const struct sp_side *d);
/* Room for n more bytes behind `have`, in a larger block if need be. False: no memory. */
bool side_reserve(struct sp_engine *e, struct sp_side *d, size_t n);
/* Replaces the pending bytes [0, len) by `with`. False: no memory. */
bool side_replace(struct sp_engine *e, struct sp_side *d, size_t len, struct sp_span with);
/* Puts bytes of our own in front of the pending ones, cleared for sending. False: no memory. */
bool side_inject(struct sp_engine *e, struct sp_side *d, struct sp_span bytes);
/* Puts bytes in front of all that is unsent. False: no memory. */
bool side_precede(struct sp_engine *e, struct sp_side *d, struct sp_span bytes);
void side_free(struct sp_engine *e, struct sp_side *d);

/* ---- pump.c ---- */

/* Judges what is complete, in both directions, until nothing moves. */
void pump(struct sp_engine *e, struct sp_session *s);

/* ---- judge.c ---- */

enum judged {
    JUDGED_MOVED,   /* the unit is dealt with */
    JUDGED_COLLECT, /* its body is wanted first */
    JUDGED_LATER,   /* the other side has to move first */
};
enum judged judge_unit(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, const struct sp_frame *f);
/* A unit that cannot be framed, or is too long: answered, told, closed. False: the other side has to move first. */
bool judge_unframed(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, const char *anomaly);
/* Something found to be refused cannot be answered yet: it need not be framed and judged again. */
bool judge_waits(const struct sp_session *s, enum sp_dir dir);
/* The session is over: nothing more is read in either direction, what is cleared is still sent. */
void session_finish(struct sp_session *s);

/* ---- edit.c ---- */

/* The fields that rules read in this direction. */
const uint64_t *msg_want(const struct sp_engine *e, const struct sp_session *s, enum sp_dir dir);
void msg_start(struct sp_engine *e, const struct sp_session *s, struct sp_msg *m, enum sp_dir dir, struct sp_span unit, bool whole);
/* `unit` with the edits made, in `a`; empty when it does not fit or the edits are out of order. */
struct sp_span edit_apply(struct sp_span unit, const struct sp_edit *edits, uint32_t n, struct sp_arena *a);
/*
 * Corrects e->msg as the fixes say and checks the result by decoding it again: it may differ in the edited bytes alone, must be canonical,
 * and must not be corrected or refused again. On success *ret is the new unit (in e->spare).
 */
bool edit_correct(struct sp_engine *e, const struct sp_session *s, const struct sp_verdict *v, struct sp_span *ret);

/* ---- tell.c ---- */

void tell_hits(struct sp_engine *e, const struct sp_session *s, const struct sp_verdict *v, enum sp_act done);
/* anomaly: the protocol's or the driver's name for what is wrong. m may be NULL. */
void tell_anomaly(struct sp_engine *e, const struct sp_session *s, enum sp_dir dir, const struct sp_msg *m, const char *anomaly,
                  enum sp_act done, unsigned status);

#endif
