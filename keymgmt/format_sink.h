/* Writing a file in a recipient's own format, by line templates. Nothing in it protects it. */
#ifndef POS_KEYMGMT_FORMAT_SINK_H
#define POS_KEYMGMT_FORMAT_SINK_H

#include "keymgmt/part_file.h"
#include "keymgmt/settings.h"

struct pos_format_sink {
    struct pos_part_file part;
    const struct pos_format *format; /* borrowed, as what follows */
    const struct pos_template_file *file;
    uint32_t count;
};

/* Makes the file anew with mode 0600 and writes the header, if the format has one. */
POS_MUST_USE enum pos_status pos_format_sink_open(struct pos_format_sink *sink, const char *path,
                                                  const struct pos_format *format,
                                                  const struct pos_template_file *file,
                                                  struct pos_error *error);
POS_MUST_USE enum pos_status pos_format_sink_add(struct pos_format_sink *sink,
                                                 const struct pos_template_key *key,
                                                 struct pos_error *error);
/* Writes the trailer, if there is one, and syncs. */
POS_MUST_USE enum pos_status pos_format_sink_finish(struct pos_format_sink *sink,
                                                    struct pos_error *error);
void pos_format_sink_close(struct pos_format_sink *sink, bool remove);

#endif
