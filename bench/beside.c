#include "bench/beside.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "bench/awake.h"
#include "bench/folder.h"
#include "bench/progress.h"
#include "bench/table.h"

/* ---- the gateway ---- */

/* beside->options.table, or one of its own. */
static enum pos_status make_folder(struct pos_beside *beside, struct pos_error *error)
{
    struct pos_table table;
    enum pos_status status =
        beside->options.table != NULL
            ? pos_table_borrow(beside->options.table, beside->folder, &table, error)
            : pos_folder_make(NULL, beside->folder, error);
    if (status != POS_OK)
        beside->folder[0] = '\0'; /* not ours to remove */
    else if (beside->options.table == NULL)
        status = pos_table_make(beside->folder, beside->options.rows, NULL, error);
    return status;
}

enum pos_status pos_beside_make(struct pos_beside *beside, struct pos_error *error)
{
    pos_micro_number(beside->micro, "rows", beside->options.rows);
    pos_micro_number(beside->micro, "connections", beside->options.connections);
    const struct pos_terminals_options options = {.folder = beside->folder,
                                                  .rows = beside->options.rows,
                                                  .mac = beside->options.mac,
                                                  .dialect = beside->options.dialect};
    enum pos_status status = make_folder(beside, error);
    return status == POS_OK ? pos_terminals_open(&options, &beside->terminals, error) : status;
}

enum pos_status pos_beside_start(struct pos_beside *beside, struct pos_error *error)
{
    enum pos_status status = pos_load_prepare(2 * beside->options.connections, error);
    if (status == POS_OK)
        status = pos_gateway_run_start(beside->folder, &beside->options,
                                       beside->micro->pinning.server_core, &beside->gateway, error);
    if (status != POS_OK) {
        beside->gateway.pid = 0;
        return status;
    }
    const struct pos_load_options load = {.address = "127.0.0.1",
                                          .port = beside->gateway.port,
                                          .connections = beside->options.connections,
                                          .outstanding = beside->options.outstanding,
                                          .spins = beside->one_sender,
                                          .source = pos_terminals_source(beside->terminals)};
    return pos_load_open(&load, &beside->good, error);
}

enum pos_status pos_beside_connect(struct pos_beside *beside, uint32_t connections,
                                   uint32_t outstanding, struct pos_load_source source,
                                   struct pos_error *error)
{
    const struct pos_load_options load = {.address = "127.0.0.1",
                                          .port = beside->gateway.port,
                                          .connections = connections,
                                          .outstanding = outstanding,
                                          .spins = beside->one_sender,
                                          .source = source};
    return pos_load_open(&load, &beside->other, error);
}

void pos_beside_end(struct pos_beside *beside)
{
    pos_load_close(beside->good);
    pos_load_close(beside->other);
    if (beside->gateway.pid != 0 && !pos_gateway_run_end(&beside->gateway))
        pos_folder_show_log(beside->gateway.log_path);
    pos_terminals_destroy(beside->terminals);
    if (beside->folder[0] != '\0')
        pos_folder_remove(beside->folder);
}

/* ---- rounds ---- */

/* Says what went wrong. `may_lag`: more was asked for than can be sent and answered. */
static bool all_good(const char *who, const struct pos_load_phase *phase, bool may_lag)
{
    const struct pos_load_tally *tally = &phase->tally;
    bool good = tally->replies > 0 && tally->good == tally->replies && tally->lost == 0 &&
                tally->unmatched == 0 && tally->unreadable == 0 &&
                (may_lag || phase->unanswered == 0);
    if (!good) {
        pos_progress_wipe();
        (void)fprintf(stderr, "posgate-bench: %s, %llu as they should be: ", who,
                      (unsigned long long)tally->good);
        pos_load_tally_print(tally, phase->unanswered, stderr);
        (void)fputs("\n", stderr);
    }
    return good;
}

double pos_beside_capacity(struct pos_beside *beside, struct pos_load *load, double seconds,
                           uint64_t replies_max)
{
    struct pos_load_phase phase = {
        .duration_s = seconds, .requests_max = replies_max, .latency = &beside->quiet.latency};
    pos_load_run(load, &phase);
    return all_good("capacity", &phase, false) ? (double)phase.tally.replies / phase.seconds : 0;
}

/* The something else, in its thread. */
struct company {
    struct pos_load *load;
    struct pos_load_phase phase;
};

static void *send_company(void *context)
{
    struct company *company = context;
    const struct sched_param lowest = {0};
    (void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &lowest);
    pos_load_run(company->load, &company->phase);
    return NULL;
}

static struct pos_load_phase good_phase(struct pos_beside_view *view, double seconds)
{
    bool counts = view->beside->micro->round >= 0;
    return (struct pos_load_phase){.duration_s = seconds,
                                   .server_pid = view->beside->gateway.pid,
                                   .rate = view->beside->good_rate,
                                   .latency = &view->latency,
                                   .lateness = &view->lateness,
                                   .series = counts ? &view->series : NULL};
}

static void keep(struct pos_beside_view *view, const struct pos_load_phase *phase)
{
    view->beside->good_replies += phase->tally.good;
    if (view->beside->micro->round < 0)
        return;
    pos_histogram_add(&view->all, phase->latency);
    pos_load_tally_add(&view->tally, &phase->tally);
    view->unanswered += phase->unanswered;
    view->server_cpu_s += (double)phase->server_cpu_ns / 1e9;
    view->seconds += phase->seconds;
    uint64_t late_ns = pos_histogram_quantile(phase->lateness, 0.99);
    if (late_ns > view->late_p99_ns)
        view->late_p99_ns = late_ns;
}

static enum pos_status run_quiet(struct pos_beside_view *view, double seconds)
{
    const struct pos_pinning *pinning = &view->beside->micro->pinning;
    struct pos_load_phase phase = good_phase(view, seconds);
    struct pos_awake awake;
    int load_core = view->beside->one_sender ? -1 : pinning->load_core; /* it never sleeps */
    pos_awake_start(&awake, (int[]){pinning->server_core, load_core}, 2);
    pos_load_run(view->beside->good, &phase);
    pos_awake_stop(&awake);
    keep(view, &phase);
    return all_good("authentications", &phase, false) ? POS_OK : POS_ERR_STATE;
}

/* The something else begins before the authentications that count and ends with them. */
static enum pos_status send_both(struct company *company, struct pos_load *good,
                                 struct pos_load_phase *phase, bool one_sender)
{
    pthread_t thread;
    if (one_sender) {
        pos_load_run_both(good, phase, company->load, &company->phase);
        return POS_OK;
    }
    if (pthread_create(&thread, NULL, send_company, company) != 0)
        return POS_ERR_LIMIT;
    pos_load_run(good, phase);
    (void)pthread_join(thread, NULL);
    return POS_OK;
}

static enum pos_status run_company(struct pos_beside_view *view, double seconds)
{
    static struct pos_histogram unused;
    struct pos_beside *beside = view->beside;
    struct pos_load_phase phase = good_phase(view, seconds);
    struct company company = {
        .load = beside->other,
        .phase = {.duration_s = seconds, .rate = beside->other_rate, .latency = &unused}};
    struct pos_awake awake;
    /* The other core is the company's, when the authentications leave it. */
    pos_awake_start(&awake, &beside->micro->pinning.server_core, 1);
    enum pos_status status = send_both(&company, beside->good, &phase, beside->one_sender);
    pos_awake_stop(&awake);
    if (status != POS_OK)
        return status;
    keep(view, &phase);
    beside->other_replies += (double)company.phase.tally.replies;
    beside->other_seconds += company.phase.seconds;
    bool good = all_good("authentications", &phase, false) &&
                all_good("beside them", &company.phase, beside->other_may_lag);
    return good ? POS_OK : POS_ERR_STATE;
}

static struct pos_micro_reading quantile(const struct pos_beside_view *view, double share)
{
    return (struct pos_micro_reading){1,
                                      (double)pos_histogram_quantile(&view->latency, share) / 1e9};
}

static enum pos_status take_p99(void *context, double seconds, struct pos_micro_reading *reading)
{
    struct pos_beside_view *view = context;
    struct pos_beside *beside = view->beside;
    enum pos_status status = POS_OK;
    if (view->company && beside->watch != NULL)
        status = beside->watch(beside->watch_context, false);
    if (status == POS_OK)
        status = view->company ? run_company(view, seconds) : run_quiet(view, seconds);
    if (status == POS_OK && view->company && beside->watch != NULL)
        status = beside->watch(beside->watch_context, true);
    *reading = quantile(view, 0.99);
    return status;
}

/* Of the round that take_p99 has just run. */
static enum pos_status take_p999(void *context, double seconds, struct pos_micro_reading *reading)
{
    (void)seconds;
    *reading = quantile(context, 0.999);
    return POS_OK;
}

static int add_view(struct pos_beside *beside, struct pos_beside_view *view, const char *name)
{
    struct pos_micro_subject subject = {
        .take = take_p99, .context = view, .floor = POS_MICRO_NONE, .latency = true};
    int p99 = pos_micro_add(beside->micro, &subject, "authentication p99, %s", name);
    subject.take = take_p999;
    (void)pos_micro_add(beside->micro, &subject, "authentication p99.9, %s", name);
    (void)snprintf(view->name, sizeof view->name, "authentications, %s", name);
    pos_series_init(&view->series, beside->micro->options.rounds,
                    beside->micro->options.duration_s);
    pos_micro_trace(beside->micro, &(struct pos_trace){.name = view->name,
                                                       .is_denominator = !view->company,
                                                       .is_open_loop = true,
                                                       .latency = &view->all,
                                                       .series = &view->series,
                                                       .tally = &view->tally,
                                                       .unanswered = &view->unanswered});
    return p99;
}

void pos_beside_add_subjects(struct pos_beside *beside, const char *company, double target)
{
    beside->quiet.beside = beside->company.beside = beside;
    beside->company.company = true;
    int quiet = add_view(beside, &beside->quiet, "quiet");
    int busy = add_view(beside, &beside->company, company);
    beside->micro->subjects[busy].floor = quiet;
    pos_micro_check(beside->micro,
                    (struct pos_micro_check){.of = busy, .to = quiet, .target = target}, "p99");
}

/* How much of a core is taken, and so what is left for a burst. */
static void add_busy(struct pos_beside *beside, const struct pos_beside_view *view,
                     const char *company)
{
    char name[POS_MICRO_NAME_SIZE];
    (void)snprintf(name, sizeof name, "server busy, %s", company);
    if (view->seconds > 0)
        pos_micro_fact(beside->micro, name, 100 * view->server_cpu_s / view->seconds,
                       "% of a core");
}

void pos_beside_add_facts(struct pos_beside *beside, const char *company)
{
    char name[POS_MICRO_NAME_SIZE];
    pos_micro_fact(beside->micro, "rows", (double)beside->options.rows, "");
    pos_micro_fact(beside->micro, "authentications asked for", (double)beside->good_rate,
                   "a second");
    pos_micro_fact(beside->micro, "authentications answered with 00", (double)beside->good_replies,
                   "");
    (void)snprintf(name, sizeof name, "%s asked for", company);
    pos_micro_fact(beside->micro, name, (double)beside->other_rate, "a second");
    (void)snprintf(name, sizeof name, "%s answered", company);
    if (beside->other_seconds > 0)
        pos_micro_fact(beside->micro, name, beside->other_replies / beside->other_seconds,
                       "a second");
    pos_micro_fact(beside->micro, "sent late p99, quiet", (double)beside->quiet.late_p99_ns / 1e3,
                   "us");
    (void)snprintf(name, sizeof name, "sent late p99, %s", company);
    pos_micro_fact(beside->micro, name, (double)beside->company.late_p99_ns / 1e3, "us");
    add_busy(beside, &beside->quiet, "quiet");
    add_busy(beside, &beside->company, company);
}
