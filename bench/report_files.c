#include "bench/report_files.h"

#include <errno.h>
#include <string.h>

#include "bench/hgrm.h"

static enum pos_status open_one(const char *option, const char *name, FILE **file,
                                struct pos_error *error)
{
    if (name == NULL)
        return POS_OK;
    *file = fopen(name, "we");
    if (*file == NULL)
        return pos_error_set(error, POS_ERR_IO, "--%s: cannot write %s: %s", option, name,
                             strerror(errno));
    return POS_OK;
}

enum pos_status pos_report_files_open(const struct pos_bench_options *options,
                                      struct pos_report_files *files, struct pos_error *error)
{
    return open_one("hgrm", options->hgrm, &files->hgrm, error);
}

/* A full disk shows at the latest when the file is closed. */
static enum pos_status close_one(const char *name, FILE **file, struct pos_error *error)
{
    bool failed = ferror(*file) != 0;
    failed = fclose(*file) != 0 || failed;
    *file = NULL;
    if (failed)
        return pos_error_set(error, POS_ERR_IO, "%s is not whole: it could not be written", name);
    return POS_OK;
}

enum pos_status pos_report_files_write(const struct pos_report *report,
                                       struct pos_report_files *files, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    if (files->hgrm != NULL) {
        pos_hgrm_write(&report->servers[report->subject].latency, files->hgrm);
        status = close_one(report->options->hgrm, &files->hgrm, error);
    }
    return status;
}

void pos_report_files_close(struct pos_report_files *files)
{
    if (files->hgrm != NULL)
        (void)fclose(files->hgrm);
    files->hgrm = NULL;
}
