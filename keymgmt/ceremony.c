#include "keymgmt/ceremony.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/hsm/component_text.h"
#include "keymgmt/command.h"
#include "keymgmt/login.h"
#include "keymgmt/prompt.h"
#include "keymgmt/report.h"

enum { TYPED_SIZE_MAX = 160, TRY_COUNT_MAX = 3, WHAT_SIZE_MAX = 128 };

/* ---- gathering ---- */

static enum pos_status check_counts(const struct pos_ceremony *ceremony, size_t count,
                                    struct pos_error *error)
{
    if (count < POS_COMPONENT_COUNT_MIN || count > POS_COMPONENT_COUNT_MAX)
        return pos_error_set(error, POS_ERR_USAGE,
                             "a key is made from %d to %d components, not %zu",
                             POS_COMPONENT_COUNT_MIN, POS_COMPONENT_COUNT_MAX, count);
    if (ceremony->file_count > 0 && ceremony->file_count != count)
        return pos_error_set(error, POS_ERR_USAGE, "--components says %zu, but %zu files are named",
                             count, ceremony->file_count);
    if (ceremony->custodian_count > 0 && ceremony->custodian_count != count)
        return pos_error_set(error, POS_ERR_USAGE, "%zu custodians are named for %zu components",
                             ceremony->custodian_count, count);
    if (ceremony->credential_count > 0 && ceremony->credential_count != count)
        return pos_error_set(error, POS_ERR_USAGE,
                             "%zu password files are named for %zu custodians",
                             ceremony->credential_count, count);
    if (!pos_prompt_possible() && (ceremony->file_count == 0 || ceremony->custodian_count == 0))
        return pos_error_set(error, POS_ERR_USAGE,
                             "stdin is no terminal to ask on: name each component's file with "
                             "--component FILE and who holds it with --custodian NAME");
    return POS_OK;
}

static enum pos_status take_custodian(const struct pos_ceremony *ceremony, size_t count,
                                      struct pos_custody *custody, struct pos_error *error)
{
    if (ceremony->custodian_count > 0)
        return pos_custody_name(custody, ceremony->custodians[custody->count], error);
    char question[96], name[POS_CUSTODIAN_SIZE_MAX + 2];
    (void)snprintf(question, sizeof question,
                   "Component %zu of %zu. Custodian's name: ", custody->count + 1, count);
    for (int i = 0; i < TRY_COUNT_MAX; i++) {
        enum pos_status status = pos_prompt_line(question, name, sizeof name, error);
        if (status == POS_ERR_CLOSED || status == POS_ERR_IO)
            return status;
        if (status == POS_OK && (status = pos_custody_name(custody, name, error)) == POS_OK)
            return POS_OK;
        (void)fprintf(stderr, "%s\n", error->text);
    }
    return error->status;
}

/* Somebody was to hold two components, or has no name: that is on record, where it can be. */
static enum pos_status refuse_custodian(struct pos_home *home, const struct pos_custody *custody,
                                        const char *what, struct pos_error *error)
{
    char on_what[WHAT_SIZE_MAX];
    enum pos_status status = error->status;
    if (status != POS_ERR_USAGE || custody->unrecorded)
        return status;
    const struct pos_audit_event event = pos_home_event(home, "ceremony-refused", what);
    (void)snprintf(on_what, sizeof on_what, "%s component=%zu", what, custody->count + 1);
    enum pos_status recorded =
        pos_login_refuse(home, event.who, event.what, on_what, "refused: custodian", error);
    return recorded == POS_ERR_NOT_ALLOWED ? status : recorded;
}

/* The custodian is who that name says. From here on the name is written as the library has it. */
static enum pos_status let_in(struct pos_home *home, const struct pos_ceremony *ceremony,
                              struct pos_custody *custody, struct pos_error *error)
{
    size_t i = custody->count;
    struct pos_person_row person;
    if (home->policy.single_operator)
        return POS_OK;
    const struct pos_login login = {.name = custody->custodians[i],
                                    .file = ceremony->credentials[i],
                                    .roles = POS_ROLE_CUSTODIAN,
                                    .command = "ceremony"};
    enum pos_status status = pos_login(home, &login, &person, error);
    if (status == POS_OK)
        (void)snprintf(custody->custodians[i], sizeof custody->custodians[i], "%s", person.name);
    return status;
}

/* True: the person who typed it says that this is the right check value. */
static bool accepted(const struct pos_kcv *kcv)
{
    char question[96], kcv_text[POS_KCV_TEXT_SIZE], answer[8] = "";
    pos_kcv_text(kcv, kcv_text);
    (void)snprintf(question, sizeof question,
                   "Check value %s. Enter to accept, n to type again: ", kcv_text);
    return pos_prompt_line(question, answer, sizeof answer, NULL) == POS_OK && answer[0] == '\0';
}

static enum pos_status type_component(enum pos_algorithm algorithm, struct pos_component *component,
                                      struct pos_kcv *kcv, struct pos_error *error)
{
    char *typed = pos_secret_create(TYPED_SIZE_MAX);
    if (typed == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the component");
    enum pos_status status = POS_ERR_USAGE;
    for (int i = 0; i < TRY_COUNT_MAX; i++) {
        status = pos_prompt_secret("Component, hex (not shown): ", typed, TYPED_SIZE_MAX, error);
        if (status == POS_ERR_CLOSED || status == POS_ERR_IO)
            break;
        if (status == POS_OK)
            status = pos_component_parse(pos_bytes_text(typed), algorithm, component, error);
        if (status == POS_OK)
            status = pos_component_kcv(component, algorithm, kcv);
        if (status == POS_OK && accepted(kcv))
            break;
        if (status == POS_OK)
            status = pos_error_set(error, POS_ERR_USAGE, "the component was not accepted");
        (void)fprintf(stderr, "%s\n", error->text);
    }
    pos_secret_destroy(typed, TYPED_SIZE_MAX);
    return status;
}

static enum pos_status take_component(const struct pos_ceremony *ceremony,
                                      enum pos_algorithm algorithm, struct pos_custody *custody,
                                      struct pos_error *error)
{
    size_t i = custody->count;
    if (ceremony->file_count == 0)
        return type_component(algorithm, &custody->components[i], &custody->kcvs[i], error);
    enum pos_status status =
        pos_component_read(ceremony->files[i], algorithm, &custody->components[i], error);
    if (status == POS_OK)
        status = pos_component_kcv(&custody->components[i], algorithm, &custody->kcvs[i]);
    return status;
}

/* The custodian vouches for this step, not the operator. */
static enum pos_status record_step(struct pos_home *home, const struct pos_custody *custody,
                                   size_t i, const char *what, size_t count,
                                   struct pos_error *error)
{
    char on_what[WHAT_SIZE_MAX], kcv[POS_KCV_TEXT_SIZE];
    pos_kcv_text(&custody->kcvs[i], kcv);
    (void)snprintf(on_what, sizeof on_what, "%s component=%zu of=%zu kcv=%s", what, i + 1, count,
                   kcv);
    struct pos_audit_event event = pos_home_event(home, "ceremony-component", on_what);
    event.who = custody->custodians[i];
    enum pos_status status = pos_key_library_audit(home->library, &event);
    if (status != POS_OK)
        return pos_error_set(error, status,
                             "the audit record cannot be written, so the ceremony "
                             "stops here");
    return POS_OK;
}

static bool must_wait(const struct pos_home *home)
{
    return home->chain.kept.sealed && home->session == NULL;
}

enum pos_status pos_ceremony_record(struct pos_home *home, const struct pos_custody *custody,
                                    const char *what, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    for (size_t i = 0; custody->unrecorded && i < custody->count && status == POS_OK; i++)
        status = record_step(home, custody, i, what, custody->count, error);
    return status;
}

enum pos_status pos_ceremony_gather(struct pos_home *home, const struct pos_ceremony *ceremony,
                                    const char *what, enum pos_algorithm algorithm,
                                    struct pos_custody **custody, struct pos_error *error)
{
    size_t count = ceremony->component_count;
    *custody = NULL;
    enum pos_status status = check_counts(ceremony, count, error);
    if (status != POS_OK)
        return status;
    struct pos_custody *all = pos_secret_create(sizeof *all);
    if (all == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the components");
    all->unrecorded = must_wait(home);
    while (status == POS_OK && all->count < count) {
        status = take_custodian(ceremony, count, all, error);
        if (status != POS_OK)
            status = refuse_custodian(home, all, what, error);
        if (status == POS_OK)
            status = let_in(home, ceremony, all, error);
        if (status == POS_OK)
            status = take_component(ceremony, algorithm, all, error);
        if (status == POS_OK && !all->unrecorded)
            status = record_step(home, all, all->count, what, count, error);
        all->count++;
    }
    if (status != POS_OK) {
        pos_custody_destroy(all);
        return status;
    }
    *custody = all;
    return POS_OK;
}

void pos_custody_destroy(struct pos_custody *custody)
{
    pos_secret_destroy(custody, sizeof *custody);
}

void pos_ceremony_report(const struct pos_options *options,
                         const struct pos_ceremony_result *result,
                         const struct pos_custody *custody)
{
    static const struct pos_column columns[] = {
        {"component", 9}, {"kcv", -15}, {"parity", -6}, {"custodian", -POS_CUSTODIAN_SIZE_MAX}};
    struct pos_report *report = pos_report_create(stdout, options->json, NULL, 0);
    pos_report_text(report, "key", result->key);
    if (result->name != NULL)
        pos_report_text(report, result->owner, result->name);
    pos_report_text(report, "algorithm", pos_algorithm_name(result->algorithm));
    pos_report_kcv(report, "kcv", &result->kcv);
    pos_report_table(report, "components", columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < custody->count; i++) {
        pos_report_number(report, "component", i + 1);
        pos_report_kcv(report, "kcv", &custody->kcvs[i]);
        pos_report_text(report, "parity",
                        pos_component_parity(&custody->components[i], result->algorithm));
        pos_report_text(report, "custodian", custody->custodians[i]);
        pos_report_end_row(report);
    }
    pos_report_destroy(report);
}
