/* SPDX-License-Identifier: Apache-2.0 */
/* load: a client of the soak, and what clients share. load.c runs them all; exchange.c is what is said on a connection and the judge of what comes back. */
#ifndef SP_SOAK_LOAD_H
#define SP_SOAK_LOAD_H

#include "content.h"
#include "gaps.h"
#include "net.h"

enum {
    LOAD_HEAD = 1024,   /* bytes of an answer's head: the origin's are below 200 */
    LOAD_QUEUE = 4,     /* answers, or frames, outstanding on a connection */
    LOAD_TEXT = 64,     /* what an upload is answered with */
};

/* SMALL: keep-alive requests with pauses, a few pipelined. UPLOAD: slow ones. BULK: large and fast ones. CHURN: a connection for each request. */
enum load_kind { LOAD_SMALL, LOAD_UPLOAD, LOAD_BULK, LOAD_DOWNLOAD, LOAD_ECHO, LOAD_CHURN, LOAD_KINDS };

enum load_reading { LOAD_ANSWER, LOAD_FIXED, LOAD_CHUNK_SIZE, LOAD_CHUNK_DATA, LOAD_CHUNK_END, LOAD_TRAILER, LOAD_FRAME_HEAD, LOAD_FRAME_BODY };

/* An answer that is awaited: so many bytes of the content `seed`, or the digest of so many bytes that were uploaded. */
struct load_expected {
    uint64_t seed, length;
    bool upload;
};

struct load_client {
    int fd;                       /* -1: not connected */
    enum load_kind kind;
    unsigned index;
    bool connecting, ending;      /* ending: the server is to close next */
    bool broken;                  /* what came was wrong, or the connection is gone: a new one is opened */
    uint32_t interest;
    struct soak_waiting *waiting;
    struct load_client *later, **link; /* in the wheel of timers; link is NULL outside of it */
    uint64_t random;              /* its own numbers */
    struct soak_out out;
    /* upload under way: */
    bool uploading, coded, form;
    uint64_t upload_seed, upload_at, upload_end;
    struct soak_digest digest;
    /* websocket: what was sent and came back, as one stream */
    uint64_t echo_seed, echo_sent, echo_back;
    /* answers */
    enum load_reading reading;
    struct load_expected queue[LOAD_QUEUE];
    unsigned first, outstanding;
    bool ok;                      /* the answer that is being read has a status of success */
    uint64_t at, left;            /* bytes of its body so far; of the piece that is being read */
    uint64_t next_read;           /* downloads have a rate */
    unsigned nhead, ntext;
    char key[25];
    char text[LOAD_TEXT + 1];
    char head[LOAD_HEAD + 1];
};

struct load_totals {
    uint64_t requests, frames, bytes, lost, refused, failed, altered, duplicated, missing, opened, downloads;
};

extern struct load_totals load_totals;
extern uint64_t load_think_ms, load_rate; /* mean pause; bytes a second of a download */
extern bool load_draining;                /* finish, begin nothing */

/* exchange.c */
void load_begin(struct load_client *c);                                /* connected, or paused for long enough */
void load_upload_more(struct load_client *c);
void load_take(struct load_client *c, const uint8_t *p, size_t n);
bool load_idle(const struct load_client *c);                           /* nothing is outstanding */
/* load.c */
void load_pause(struct load_client *c, uint64_t ms);                   /* then load_begin, or load_upload_more */
void load_want(struct load_client *c);
void load_note(const struct load_client *c, const char *what, uint64_t a, uint64_t b); /* evidence of a failure on standard error */

#endif
