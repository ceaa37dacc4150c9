#include "bench/hgrm_files.h"

#include <errno.h>
#include <string.h>

#include "bench/hgrm.h"

/* "run.hgrm" of a sweep's first step: "run-10.hgrm". */
static bool name_step(struct pos_hgrm_file *file, const char *name, bool sweep, size_t step)
{
    const char *slash = strrchr(name, '/'), *base = slash != NULL ? slash + 1 : name;
    const char *dot = strrchr(base, '.'), *end = name + strlen(name);
    const char *ending = dot != NULL && dot != base ? dot : end;
    int size = sweep ? snprintf(file->name, sizeof file->name, "%.*s-%u%s", (int)(ending - name),
                                name, pos_sweep_percent(step), ending)
                     : snprintf(file->name, sizeof file->name, "%s", name);
    return size > 0 && (size_t)size < sizeof file->name;
}

enum pos_status pos_hgrm_files_open(struct pos_hgrm_files *files, const char *name, bool sweep,
                                    struct pos_error *error)
{
    size_t wanted = name == NULL ? 0 : sweep ? POS_SWEEP_STEP_COUNT : 1;
    while (files->count < wanted) {
        struct pos_hgrm_file *file = &files->files[files->count];
        if (!name_step(file, name, sweep, files->count))
            return pos_error_set(error, POS_ERR_LIMIT, "--hgrm: the name is too long");
        file->to = fopen(file->name, "we");
        if (file->to == NULL)
            return pos_error_set(error, POS_ERR_IO, "--hgrm: cannot write %s: %s", file->name,
                                 strerror(errno));
        files->count++;
    }
    return POS_OK;
}

/* A full disk shows at the latest when the file is closed. */
enum pos_status pos_hgrm_files_write(struct pos_hgrm_files *files, size_t step,
                                     const struct pos_histogram *latency, struct pos_error *error)
{
    if (step >= files->count)
        return POS_OK;
    struct pos_hgrm_file *file = &files->files[step];
    pos_hgrm_write(latency, file->to);
    bool failed = ferror(file->to) != 0;
    failed = fclose(file->to) != 0 || failed;
    file->to = NULL;
    if (failed)
        return pos_error_set(error, POS_ERR_IO, "%s is not whole: it could not be written",
                             file->name);
    return POS_OK;
}

void pos_hgrm_files_close(struct pos_hgrm_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (files->files[i].to != NULL)
            (void)fclose(files->files[i].to);
    files->count = 0;
}
