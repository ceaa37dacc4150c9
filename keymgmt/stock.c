/* `posgate-keymgmt stock`: how many keys there are in which state, and how far the range is used.
 */
#include <stdio.h>

#include "keymgmt/command.h"
#include "keymgmt/home.h"
#include "keymgmt/report.h"
#include "keymgmt/stock_count.h"
#include "keymgmt/stock_range.h"

enum { KEY_WARN = 0x200 };

static error_t parse_stock(int key, char *argument, struct argp_state *state)
{
    uint64_t *least = state->input;
    if (key != KEY_WARN)
        return ARGP_ERR_UNKNOWN;
    *least = pos_option_number(state, "--warn", argument, 1, POS_KEY_INDEX_MAX);
    return 0;
}

struct counting {
    struct pos_stock stock;
    enum pos_status status;
};

static bool count_key(void *context, const struct pos_key_row *row)
{
    struct counting *counting = context;
    counting->status = pos_stock_add(&counting->stock, row);
    return counting->status == POS_OK;
}

static const char *name_of(const struct pos_stock_group *group)
{
    return group->mother[0] == '\0' ? "-" : group->mother;
}

static void report(const struct pos_home *home, const struct pos_stock *stock, uint32_t next_index)
{
    static const struct pos_column columns[] = {
        {"mother", -16}, {"algorithm", -9}, {"generated", 9}, {"exported", 9},    {"loaded", 9},
        {"issued", 9},   {"destroyed", 9},  {"burned", 9},    {"compromised", 11}};
    struct pos_report *answer = pos_report_create(stdout, home->options->json, NULL, 0);
    pos_report_text(answer, "control",
                    home->policy.single_operator
                        ? "single operator: nobody logs in, nothing needs a second person"
                        : "dual");
    pos_report_number(answer, "indexes_used", next_index - POS_KEY_INDEX_MIN);
    pos_report_number(answer, "indexes_left", (uint32_t)POS_KEY_INDEX_MAX + 1 - next_index);
    pos_report_number(answer, "warning_percent", pos_stock_range_limit(next_index));
    pos_report_table(answer, "keys", columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < stock->group_count; i++) {
        const struct pos_stock_group *group = &stock->groups[i];
        pos_report_text(answer, "mother", name_of(group));
        pos_report_text(answer, "algorithm", pos_algorithm_name(group->algorithm));
        for (int state = POS_KEY_NONE + 1; state < POS_KEY_STATE_COUNT; state++)
            pos_report_number(answer, pos_key_state_name((enum pos_key_state)state),
                              group->counts[state]);
        pos_report_end_row(answer);
    }
    pos_report_destroy(answer);
    pos_stock_range_warn(next_index);
}

static enum pos_status check_least(const struct pos_stock *stock, uint64_t least,
                                   struct pos_error *error)
{
    struct pos_stock_group lowest;
    if (!pos_stock_lowest(stock, &lowest) || pos_stock_left(&lowest) >= least)
        return POS_OK;
    unsigned long long left = pos_stock_left(&lowest);
    if (lowest.mother[0] == '\0')
        return pos_error_set(error, POS_ERR_EXHAUSTED,
                             "low stock: %llu %s keys wait to be exported, fewer than %llu: "
                             "'generate' more",
                             left, pos_algorithm_name(lowest.algorithm), (unsigned long long)least);
    return pos_error_set(error, POS_ERR_EXHAUSTED,
                         "low stock: %s has %llu %s keys that are not issued, fewer than %llu: "
                         "'export' and 'load' another batch",
                         lowest.mother, left, pos_algorithm_name(lowest.algorithm),
                         (unsigned long long)least);
}

static enum pos_status count(struct pos_home *home, struct counting *counting, uint64_t least,
                             struct pos_error *error)
{
    uint32_t next_index, next_batch;
    enum pos_status status = pos_key_library_next(home->library, &next_index, &next_batch);
    if (status == POS_OK)
        status = pos_key_library_walk(home->library, POS_KEY_INDEX_MIN, count_key, counting);
    if (status == POS_OK)
        status = counting->status;
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library: %s",
                             pos_status_text(status));
    pos_stock_sort(&counting->stock);
    report(home, &counting->stock, next_index);
    return check_least(&counting->stock, least, error);
}

enum pos_status pos_command_stock(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"warn", KEY_WARN, "N", 0,
         "End with 1 when fewer than N keys of a kind wait to be exported, or a mother POS has "
         "fewer than N left to issue",
         0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_stock,
        .doc = "Counts keys by mother POS, algorithm and state, and says how many key indexes are "
               "left. At 80 and 95 percent of the range it warns."};
    uint64_t least = 0;
    pos_options_parse(options, &argp, &least, argc, argv);
    struct pos_home home;
    struct counting counting = {.status = POS_OK};
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin_reader(&home, POS_ROLE_ALL, "stock", error);
    if (status == POS_OK)
        status = count(&home, &counting, least, error);
    pos_stock_fini(&counting.stock);
    pos_home_fini(&home);
    return status;
}
