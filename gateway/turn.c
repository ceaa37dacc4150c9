/*
 * The end of a loop turn: what was collected is looked up together, and goes on. What is remembered
 * and did not change needs no look-up; what would need the disk goes to a reader and comes back by
 * itself.
 */
#include "gateway/session_inside.h"

static void count(struct pos_counter *counter, size_t by)
{
    if (by > 0)
        pos_counter_add(counter, by);
}

/* The count of changes is taken before the look-up, so that a change between the two is seen. */
static bool is_remembered(struct pos_session *session, struct pos_request *request)
{
    const struct pos_world *world = &session->options.world;
    if (session->remembered == NULL)
        return false;
    request->changes = world->changes(world->context, &request->smn);
    const struct pos_terminal_hot *row =
        pos_remembered_find(session->remembered, &request->smn, request->changes);
    if (row == NULL)
        return false;
    request->hot = *row;
    request->found = POS_OK;
    return true;
}

static void remember(struct pos_request *request)
{
    struct pos_remembered *remembered = request->session->remembered;
    if (remembered != NULL && request->found == POS_OK)
        pos_remembered_keep(remembered, &request->smn, request->changes, &request->hot);
}

/* `asked[i]` is the place in the turn of the i-th that has to be looked up. */
static void look_up(struct pos_session *session)
{
    const struct pos_world *world = &session->options.world;
    uint16_t asked[POS_TURN_REQUEST_COUNT_MAX];
    size_t asked_count = 0;
    for (size_t i = 0; i < session->turn_count; i++) {
        if (is_remembered(session, session->turn[i]))
            continue;
        session->turn_smns[asked_count] = session->turn[i]->smn;
        asked[asked_count++] = (uint16_t)i;
    }
    count(&session->options.counters->remembered, session->turn_count - asked_count);
    if (asked_count == 0)
        return;
    world->find(world->context, session->turn_smns, asked_count, session->turn_rows,
                session->turn_found);
    for (size_t i = 0; i < asked_count; i++) {
        struct pos_request *request = session->turn[asked[i]];
        request->hot = session->turn_rows[i];
        request->found = session->turn_found[i];
        remember(request);
    }
    count(&session->options.counters->lookups, asked_count);
    count(&session->options.counters->lookup_batches, 1);
}

static void dispatch(struct pos_request *request)
{
    if (request->rule->kind == POS_KIND_REGISTER)
        pos_registration_start(request);
    else if (request->rule->kind == POS_KIND_SIGN_ON)
        pos_sign_on_start(request);
    else
        pos_authentication_start(request);
}

static void read_row(struct pos_request *request)
{
    const struct pos_world *world = &request->session->options.world;
    pos_request_move(request, POS_REQUEST_READER);
    if (world->read(world->context, request) == POS_OK)
        pos_counter_add(&request->session->options.counters->reads, 1);
    else
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_OVERLOAD);
}

void pos_session_looked_up(struct pos_request *request)
{
    remember(request);
    dispatch(request);
}

void pos_session_turn(struct pos_session *session)
{
    if (session->turn_count == 0)
        return;
    look_up(session);
    for (size_t i = 0; i < session->turn_count; i++) {
        if (session->turn[i]->found == POS_ERR_BUSY)
            read_row(session->turn[i]);
        else
            dispatch(session->turn[i]);
    }
    session->turn_count = 0;
}
