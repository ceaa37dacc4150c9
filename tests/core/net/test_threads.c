/* Posts and stops from other threads; a plain program, so that the thread sanitizer can run it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/net/net.h"

enum { SENDERS = 4, POSTS = 20000 };

struct numbered {
    struct pos_post post;
    int sender, number;
};

struct sender {
    pthread_t thread;
    struct pos_loop *loop;
    int id;
    struct numbered *posts;
};

static int next_number[SENDERS], run_count, order_errors;
static int passed, failed;

static void check(bool good, const char *what)
{
    if (good)
        passed++;
    else
        failed++;
    printf("%s: %s\n", good ? "ok" : "FAILED", what);
}

static void on_post(struct pos_post *post)
{
    struct numbered *numbered = (struct numbered *)post;
    if (next_number[numbered->sender]++ != numbered->number)
        order_errors++;
    run_count++;
}

static void *send_posts(void *argument)
{
    struct sender *sender = argument;
    for (int i = 0; i < POSTS; i++) {
        sender->posts[i] = (struct numbered){{.run = on_post}, sender->id, i};
        pos_loop_post(sender->loop, &sender->posts[i].post);
    }
    return NULL;
}

static void *run(void *argument)
{
    pos_loop_run(argument);
    return NULL;
}

static void posts_arrive_once_and_in_order(void)
{
    struct pos_loop *loop;
    struct sender senders[SENDERS];
    pthread_t thread;
    if (pos_loop_create(&loop) != POS_OK)
        abort();
    pthread_create(&thread, NULL, run, loop);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.loop = loop, .id = i};
        senders[i].posts = calloc(POSTS, sizeof *senders[i].posts);
        pthread_create(&senders[i].thread, NULL, send_posts, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    pos_loop_stop(loop);
    pthread_join(thread, NULL);
    pos_loop_destroy(loop);
    check(run_count == SENDERS * POSTS, "every post ran once");
    check(order_errors == 0, "in its sender's order");
    for (int i = 0; i < SENDERS; i++)
        free(senders[i].posts);
}

/* A message goes round two loops until it has gone far enough: posts from loop to loop. */
struct ball {
    struct pos_post post;
    struct pos_loop *loops[2];
    int turn;
};

static void on_ball(struct pos_post *post)
{
    struct ball *ball = (struct ball *)post;
    if (++ball->turn == 2000) {
        pos_loop_stop(ball->loops[0]);
        pos_loop_stop(ball->loops[1]);
        return;
    }
    pos_loop_post(ball->loops[ball->turn % 2], &ball->post);
}

static void loops_post_to_each_other(void)
{
    struct ball ball = {.post.run = on_ball};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        if (pos_loop_create(&ball.loops[i]) != POS_OK)
            abort();
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, run, ball.loops[i]);
    pos_loop_post(ball.loops[0], &ball.post);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++)
        pos_loop_destroy(ball.loops[i]);
    check(ball.turn == 2000, "a post went from loop to loop");
}

static void *stop(void *argument)
{
    pos_loop_stop(argument);
    return NULL;
}

static void stops_may_race(void)
{
    for (int round = 0; round < 50; round++) {
        struct pos_loop *loop;
        pthread_t runner, stoppers[3];
        if (pos_loop_create(&loop) != POS_OK)
            abort();
        pthread_create(&runner, NULL, run, loop);
        for (int i = 0; i < 3; i++)
            pthread_create(&stoppers[i], NULL, stop, loop);
        for (int i = 0; i < 3; i++)
            pthread_join(stoppers[i], NULL);
        pthread_join(runner, NULL);
        pos_loop_destroy(loop);
    }
    check(true, "fifty loops ended, stopped by three threads each");
}

int main(void)
{
    posts_arrive_once_and_in_order();
    loops_post_to_each_other();
    stops_may_race();
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
