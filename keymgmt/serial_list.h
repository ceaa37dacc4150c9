/* A list of serials, one a line: the terminals that an operator knows of. */
#ifndef POS_KEYMGMT_SERIAL_LIST_H
#define POS_KEYMGMT_SERIAL_LIST_H

#include "core/base/error.h"
#include "core/base/smn.h"

struct pos_listed_serial {
    char text[POS_SERIAL_SIZE + 1];
    bool seen;
};

struct pos_serial_list {
    struct pos_listed_serial *serials; /* owned; sorted */
    size_t count;
};

/* POS_ERR_NOT_FOUND, POS_ERR_IO, POS_ERR_MEMORY; POS_ERR_FORMAT with file and line for what is no
 * serial or stands there twice. */
POS_MUST_USE enum pos_status pos_serial_list_read(const char *path, struct pos_serial_list *list,
                                                  struct pos_error *error);
void pos_serial_list_free(struct pos_serial_list *list);

/* Notes that the serial was seen; false when it is not on the list. */
bool pos_serial_list_see(struct pos_serial_list *list, const char *serial);

#endif
