/*
 * A security module that waits: the software module behind a door. Its local sessions have nothing
 * until a key was brought to them, and its other verbs take their time. So what the gateway does
 * with a token can be tested without one, and with any delay.
 */
#ifndef POS_TESTS_GATEWAY_SLOW_MODULE_H
#define POS_TESTS_GATEWAY_SLOW_MODULE_H

#include "core/hsm/hsm.h"

/* Every verb of a session that is not local sleeps `verb_ms` first. Owns `inner`. */
struct pos_hsm *slow_module_open(struct pos_hsm *inner, unsigned verb_ms);
/* From now on. */
void slow_module_set_delay(struct pos_hsm *module, unsigned verb_ms);
/* What a local session forgets: the keys it has. */
void slow_module_forget(struct pos_hsm_session *local);

#endif
