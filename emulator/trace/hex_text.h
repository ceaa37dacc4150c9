/* Hexadecimal as people paste it: digits, spaces and line ends between them, # and what follows it
 * on a line is a comment. A line without digits ends a block. */
#ifndef POS_EMULATOR_TRACE_HEX_TEXT_H
#define POS_EMULATOR_TRACE_HEX_TEXT_H

#include <stdio.h>

#include "core/base/error.h"
#include "emulator/trace/talk.h"

/* Reads `head` and then the file to its end; each block begins with a frame.
 * POS_ERR_FORMAT names the line of what is no hexadecimal; blocks before it have been told. */
POS_MUST_USE enum pos_status pos_hex_text_read(struct pos_trace *trace, struct pos_bytes head,
                                               FILE *file, struct pos_error *error);

#endif
