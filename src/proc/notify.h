/* SPDX-License-Identifier: Apache-2.0 */
/* notify: what the service manager is told and what it gives (sd_notify(3), sd_listen_fds(3)). Without one, all of it does nothing. */
#ifndef SP_PROC_NOTIFY_H
#define SP_PROC_NOTIFY_H

void sp_notify_ready(void);
void sp_notify_reloading(void);
void sp_notify_stopping(void);
/* We are alive; more often than the manager wants to hear it costs nothing. */
void sp_notify_watchdog(void);
/* Keeps these listening sockets, and no others, for the next start of the service: clients that connect in between wait. */
void sp_notify_store_listeners(const int *fds, unsigned n);
/* Stream sockets that the manager opened for us or kept since the last time: their number, at most `max`; others are closed. */
int sp_notify_listeners(int *ret, unsigned max);

#endif
