/* Random component files. In a real ceremony each custodian brings a component of their own; these
 * are for demonstrations and tests, where one person plays all of them. */
#include <stdio.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/crypto/random.h"
#include "keymgmt/ceremony.h"
#include "keymgmt/report.h"

struct scratch {
    struct pos_component component;
    char line[2 * POS_KEY_SIZE_MAX + 2];
};

static enum pos_status write_component(const char *path, enum pos_algorithm algorithm,
                                       struct scratch *scratch, struct pos_kcv *kcv,
                                       struct pos_error *error)
{
    if (access(path, F_OK) == 0)
        return pos_error_set(error, POS_ERR_EXISTS, "%s is there already", path);
    struct pos_component *component = &scratch->component;
    component->size = (uint8_t)pos_algorithm_key_size(algorithm);
    enum pos_status status = pos_random(component->data, component->size);
    if (status == POS_OK)
        status = pos_component_kcv(component, algorithm, kcv);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot make a random component");
    pos_hex_encode(pos_bytes(component->data, component->size), scratch->line);
    scratch->line[2 * component->size] = '\n';
    return pos_file_write(path, pos_bytes(scratch->line, 2 * (size_t)component->size + 1), 0600,
                          error);
}

static enum pos_status write_all(struct pos_report *report, const struct pos_ceremony *ceremony,
                                 struct scratch *scratch, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    for (size_t i = 1; status == POS_OK && i <= ceremony->component_count; i++) {
        char path[POS_PATH_SIZE_MAX];
        struct pos_kcv kcv;
        int size = snprintf(path, sizeof path, "%s/component-%zu.hex", ceremony->out, i);
        if (size < 0 || (size_t)size >= sizeof path)
            return pos_error_set(error, POS_ERR_USAGE, "the folder's path is too long");
        status = write_component(path, ceremony->algorithm, scratch, &kcv, error);
        if (status != POS_OK)
            break;
        pos_report_number(report, "component", i);
        pos_report_kcv(report, "kcv", &kcv);
        pos_report_text(report, "file", path);
        pos_report_end_row(report);
    }
    return status;
}

enum pos_status pos_ceremony_components(const struct pos_options *options,
                                        const struct pos_ceremony *ceremony,
                                        struct pos_error *error)
{
    static const struct pos_column columns[] = {{"component", 9}, {"kcv", -15}, {"file", -1}};
    enum pos_status status = pos_file_make_folder(ceremony->out, error);
    if (status != POS_OK)
        return status;
    struct scratch *scratch = pos_secret_create(sizeof *scratch);
    if (scratch == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the components");
    struct pos_report *report =
        pos_report_create(stdout, options->json, columns, sizeof columns / sizeof columns[0]);
    status = write_all(report, ceremony, scratch, error);
    pos_report_destroy(report);
    pos_secret_destroy(scratch, sizeof *scratch);
    return status;
}
