/* SPDX-License-Identifier: Apache-2.0 */
/* engine: what inspection alone costs, without sockets: browser-like requests through one engine, CPU nanoseconds each. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/session.h"

enum {
    ROUNDS = 7,
    REQUESTS = 200000, /* a round */
};

static const char get[] = "GET /catalogue/garden/hose?page=4&sort=price&utm_source=mail HTTP/1.1\r\nHost: www.shop.example\r\n"
                          "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n"
                          "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n"
                          "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\n"
                          "Referer: https://www.shop.example/catalogue/garden?page=3\r\n"
                          "Cookie: sid=8f14e45fceea167a5a36dedd4bea2543; theme=dark; consent=1\r\nCache-Control: max-age=0\r\n"
                          "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\r\n";

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double round_ns(struct sp_engine *e, struct sp_session *s, struct sp_span request)
{
    double from = cpu_ns();
    for (int i = 0; i < REQUESTS; i++) {
        size_t room;
        uint8_t *p = sp_session_room(e, s, SP_C2S, &room);
        memcpy(p, request.p, request.n);
        sp_session_got(e, s, SP_C2S, request.n);
        sp_session_sent(e, s, SP_C2S, sp_session_out(e, s, SP_C2S).n);
    }
    return (cpu_ns() - from) / REQUESTS;
}

static int measure(const struct sp_policy *p, const char *label)
{
    struct sp_pool *pool;
    struct sp_engine e;
    struct sp_session s;
    if (sp_pool_new(64 << 20, &pool) < 0 || sp_engine_init(&e, p, pool, 1 << 20) < 0)
        return 1;
    sp_session_open(&e, &s, sp_proto_by_name(SP_LIT("http")), 0);
    s.one_sided = true;
    double best[ROUNDS];
    struct sp_span request = sp_span_str(get);
    (void)round_ns(&e, &s, request);
    for (int i = 0; i < ROUNDS; i++) {
        best[i] = round_ns(&e, &s, request);
        for (int j = i; j > 0 && best[j] < best[j - 1]; j--) {
            double swap = best[j];
            best[j] = best[j - 1];
            best[j - 1] = swap;
        }
    }
    printf("  %-28s %8.0f ns per browser-like GET (%zu bytes; median of %d rounds, %u rules)\n", label, best[ROUNDS / 2],
           sizeof get - 1, ROUNDS, sp_policy_nrules(p));
    int rc = e.refused + e.malformed ? 1 : 0;
    sp_session_close(&e, &s);
    sp_engine_fini(&e);
    sp_pool_free(pool);
    return rc;
}

int main(int argc, char **argv)
{
    struct sp_diag diag;
    struct sp_ruleset set;
    struct sp_policy *none, *all;
    sp_diag_init(&diag);
    if (argc != 2 || sp_ruleset_init(&set) < 0 || sp_policy_empty(&none) < 0)
        return 2;
    if (sp_ruleset_load(&set, argv[1], &diag) < 0 || sp_policy_compile(&set, &diag, &all) < 0) {
        fprintf(stderr, "%.*s", SP_FMT(sp_buf_span(&diag.text)));
        return 1;
    }
    int rc = measure(none, "no rules") | measure(all, argv[1]);
    sp_policy_free(none);
    sp_policy_free(all);
    sp_ruleset_fini(&set);
    sp_diag_fini(&diag);
    return rc;
}
