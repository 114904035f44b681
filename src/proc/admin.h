/* SPDX-License-Identifier: Apache-2.0 */
/* admin: see admin.c. */
#ifndef SP_PROC_ADMIN_H
#define SP_PROC_ADMIN_H

/* The process that --role admin is. An exit status (enum sp_exit). */
int sp_admin_main(int control);

#endif
