/*
 * The terminal table's anchor (core/store/anchor.h): where its file is, and what is said and
 * recorded when a table was accepted although it is not what its anchor knows.
 */
#ifndef POS_GATEWAY_TABLE_ANCHOR_H
#define POS_GATEWAY_TABLE_ANCHOR_H

#include "gateway/gateway.h"

/* database.anchor, or beside the table's folder. */
void pos_table_anchor_path(const struct pos_gateway_settings *settings,
                           char path[POS_ANCHOR_PATH_SIZE_MAX]);

/* Behind an open: logs what was found. A table that was accepted although it is old is recorded in
 * its audit chain; the status of that write. */
POS_MUST_USE enum pos_status pos_table_anchor_tell(struct pos_terminal_table *table,
                                                   const struct pos_anchor_report *report,
                                                   const char *path, struct pos_error *error);

#endif
