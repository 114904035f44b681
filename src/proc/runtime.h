/* SPDX-License-Identifier: Apache-2.0 */
/* runtime: the directory of one running instance, with its sockets. Only its owner may enter it. */
#ifndef SP_PROC_RUNTIME_H
#define SP_PROC_RUNTIME_H

#define SP_RUNTIME_CONTROL "control.sock"

/* Makes it when it is not there. A descriptor of it; -errno (-EPERM: it is somebody else's, or open to others). */
__attribute__((warn_unused_result)) int sp_runtime_open(const char *path);
/* The same for one that must be there; to root, anybody's is good enough to be asked. */
__attribute__((warn_unused_result)) int sp_runtime_find(const char *path);
/* Only one process at a time holds it. A descriptor; -EWOULDBLOCK: another does. */
__attribute__((warn_unused_result)) int sp_runtime_lock(int dir);
/*
 * A listening SOCK_SEQPACKET socket of that name in it, which does not block, and a connection to one, with `flags` 0 or SOCK_NONBLOCK. A descriptor
 * or -errno (-EAGAIN: not now, its queue is full).
 */
__attribute__((warn_unused_result)) int sp_runtime_listen(int dir, const char *name);
__attribute__((warn_unused_result)) int sp_runtime_connect(int dir, const char *name, int flags);
void sp_runtime_unlink(int dir, const char *name);
/* Removes our own sockets and the lock. Keepers that are still there keep theirs. */
void sp_runtime_clear(int dir);

#endif
