/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compiler: the process that reads what people wrote. It lives for one load: reads the configuration that a command line stands for, and its rules, proves
 * them, looks names up, and answers with plan and policy in sealed memfds, or with every mistake as text.
 */
#ifndef SP_PROC_COMPILER_H
#define SP_PROC_COMPILER_H

/*
 * The compiler's whole life: one SP_SAY_COMPILE is read from `control`, one SP_TELL_COMPILED or SP_TELL_WRONG is the answer. `argv`: the command that is
 * served, "run" or "protect", with its options. An enum sp_exit.
 */
int sp_compiler_main(int control, int argc, char **argv);

#endif
