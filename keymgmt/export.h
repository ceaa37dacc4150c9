/* What the parts of an export share: export.c decides, export_write.c writes the file,
 * export_again.c knows what was written before. */
#ifndef POS_KEYMGMT_EXPORT_H
#define POS_KEYMGMT_EXPORT_H

#include "keymgmt/home.h"
#include "keymgmt/part_file.h"
#include "keymgmt/settings.h"

struct pos_export {
    /* asked for */
    uint32_t number; /* of the batch; 0: by count */
    uint32_t count;
    const char *destination;
    const char *out;
    const char *format_name; /* NULL: the key file */
    const char *config_path; /* NULL: HOME/keymgmt.conf */
    bool dry_run;
    /* under way */
    struct pos_home *home;
    struct pos_error *error;
    struct pos_batch_row batch;
    struct pos_mother_row mother;
    const struct pos_format *format; /* NULL: the key file */
    char part[POS_PATH_SIZE_MAX];    /* the file's name until it is whole */
    char digest[POS_FILE_DIGEST_TEXT_SIZE];
    bool again; /* the file was there already */
};

/* export_write.c: writes the batch to export->part, whole and synced, and takes its digest. */
POS_MUST_USE enum pos_status pos_export_write(struct pos_export *export);

/* export_again.c: for a batch that was exported. POS_OK when the file of that export is there: as
 * export->out (export->again is set then), or as export->part, which only needs its name. Anything
 * else is refused. */
POS_MUST_USE enum pos_status pos_export_find_again(struct pos_export *export);

/* "format=NAME integrity=none" or "", as the audit record of an export ends. */
void pos_export_put_format(const struct pos_export *export, struct pos_buffer *text);

#endif
