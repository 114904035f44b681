/* SPDX-License-Identifier: Apache-2.0 */
/* serve: from a command line to running processes. */
#ifndef SP_PROC_SERVE_H
#define SP_PROC_SERVE_H

/* Serves what the command line says, as its supervisor, until it is told to stop. An enum sp_exit. */
int sp_serve(void);
/* The same, for the words of a command. */
int sp_supervise(const char *const *words);
/* The life of a process that was started with the hidden words `--role NAME SLOT`; `argv` begins with NAME. An enum sp_exit. */
int sp_role_main(int argc, char **argv);

#endif
