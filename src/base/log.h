/* SPDX-License-Identifier: Apache-2.0 */
/* log: what the operator reads on standard error (systemd adds the time; elsewhere we do). One line a call, never blocks on more. */
#ifndef SP_BASE_LOG_H
#define SP_BASE_LOG_H

enum sp_log_level { SP_LOG_ERROR, SP_LOG_WARN, SP_LOG_INFO, SP_LOG_DEBUG };

void sp_log_set_level(enum sp_log_level most_verbose);
__attribute__((format(printf, 2, 3))) void sp_log(enum sp_log_level level, const char *fmt, ...);

#endif
