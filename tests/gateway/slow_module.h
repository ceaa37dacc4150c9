/*
 * A security module that waits: the software module behind a door. Its local sessions have nothing
 * until a key was brought to them, and its other verbs wait while the door is shut. So what the
 * gateway does with a token can be tested without one, however slow it is.
 */
#ifndef POS_TESTS_GATEWAY_SLOW_MODULE_H
#define POS_TESTS_GATEWAY_SLOW_MODULE_H

#include "core/hsm/hsm.h"

struct pos_hsm *slow_module_open(struct pos_hsm *inner); /* owns `inner`; the door is open */
/* From now on every verb of a session that is not local waits, until all are let in. Any thread. */
void slow_module_shut(struct pos_hsm *module);
void slow_module_let_in(struct pos_hsm *module);
/* What a local session forgets: the keys it has. */
void slow_module_forget(struct pos_hsm_session *local);

#endif
