/* SPDX-License-Identifier: Apache-2.0 */
/* notify: the service manager, through libsystemd. */
#include <stdio.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/notify.h"

enum notify_limits {
    FDS_AT_ONCE = 128,          /* in one packet; the kernel takes 253 */
    WATCHDOG_EVERY_NS = 100000000,
};

static const char STORED[] = "listener"; /* the name under which the manager keeps them */

/* Nobody to tell is no error, and there is nobody to tell of one. */
static void tell(const char *state)
{
    (void)sd_notify(0, state);
}

void sp_notify_ready(void)
{
    tell("READY=1");
}

void sp_notify_reloading(void)
{
    char state[64];
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(sp_clock_mono_ns() / 1000));
    tell(state);
}

void sp_notify_stopping(void)
{
    tell("STOPPING=1");
}

void sp_notify_watchdog(void)
{
    static uint64_t told;
    uint64_t now = sp_clock_mono_ns();
    if (told && now - told < WATCHDOG_EVERY_NS)
        return;
    told = now;
    tell("WATCHDOG=1");
}

void sp_notify_store_listeners(const int *fds, unsigned n)
{
    char state[64];
    (void)snprintf(state, sizeof state, "FDSTOREREMOVE=1\nFDNAME=%s", STORED);
    tell(state);
    (void)snprintf(state, sizeof state, "FDSTORE=1\nFDNAME=%s", STORED);
    for (unsigned at = 0; at < n; at += FDS_AT_ONCE)
        (void)sd_pid_notify_with_fds(0, 0, state, fds + at, n - at < FDS_AT_ONCE ? n - at : FDS_AT_ONCE);
}

int sp_notify_listeners(int *ret, unsigned max)
{
    int n = sd_listen_fds(1), taken = 0;
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0 && (unsigned)taken < max)
            ret[taken++] = fd;
        else
            close(fd);
    }
    return taken;
}
