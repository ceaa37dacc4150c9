/* The security module of step_lmk's home, opened by the test itself: for tables whose audit records
 * have MACs, written without a program. */
#ifndef POS_TESTS_KEYMGMT_SEALED_CHAIN_H
#define POS_TESTS_KEYMGMT_SEALED_CHAIN_H

#include "core/audit/chain.h"

void open_module(void);
void close_module(void);
/* A chain that the module seals; between the two above. */
struct pos_audit_writer init_sealed_chain(struct pos_audit_chain *chain);

#endif
