/*
 * Reading a secret leaves the terminal without echo for as long as a person types. Whatever ends
 * that must put the echo back: so the signals that could end or stop the process only set a number
 * here; the echo is restored, the old handlers too, and then the signal is raised again. After a
 * stop and a continue the question is asked anew. The signals are blocked but for the moment in
 * which ppoll() waits: one that came just before a read() would else be seen only with the next
 * key.
 */
#include "keymgmt/prompt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/secret.h"

static const int caught_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { CAUGHT_COUNT = sizeof caught_signals / sizeof caught_signals[0] };

static volatile sig_atomic_t arrived;

bool pos_prompt_possible(void)
{
    return isatty(STDIN_FILENO) == 1;
}

static void say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

/* Waits until there is something to read, with the signals that `waiting` lets through (NULL: as
 * they are). False: one of ours came. */
static bool wait_for_key(const sigset_t *waiting)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (ppoll(&input, 1, NULL, waiting) < 0 && errno == EINTR)
        if (arrived != 0)
            return false;
    return arrived == 0;
}

/* Byte by byte: nothing of a secret may stay behind in a buffer of stdio's. An interrupted read
 * with no signal of ours goes on. */
static enum pos_status read_line(char *answer, size_t capacity, const sigset_t *waiting)
{
    size_t size = 0;
    bool too_long = false;
    for (;;) {
        char c = '\0';
        if (!wait_for_key(waiting))
            return POS_ERR_IO;
        ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return POS_ERR_IO;
        if (got == 0 && size == 0)
            return POS_ERR_CLOSED;
        if (got == 0 || c == '\n')
            break;
        if (size + 1 < capacity)
            answer[size++] = c;
        else
            too_long = true;
    }
    answer[too_long ? 0 : size] = '\0';
    if (too_long)
        pos_secret_wipe(answer, capacity);
    return too_long ? POS_ERR_LENGTH : POS_OK;
}

static enum pos_status explain(enum pos_status status, size_t capacity, struct pos_error *error)
{
    switch (status) {
    case POS_OK:
        return POS_OK;
    case POS_ERR_LENGTH:
        return pos_error_set(error, status, "the answer is longer than %zu characters",
                             capacity - 1);
    case POS_ERR_CLOSED:
        return pos_error_set(error, status, "the input ended before the question was answered");
    default:
        return pos_error_set(error, status, "cannot read from the terminal: %s", strerror(errno));
    }
}

enum pos_status pos_prompt_line(const char *question, char *answer, size_t capacity,
                                struct pos_error *error)
{
    say(question);
    return explain(read_line(answer, capacity, NULL), capacity, error);
}

static void note_signal(int number)
{
    arrived = number;
}

/* How the signals were before. */
struct signals {
    struct sigaction actions[CAUGHT_COUNT];
    sigset_t mask;
};

static void catch_signals(struct signals *old)
{
    struct sigaction action = {.sa_handler = note_signal}; /* no SA_RESTART: ppoll must return */
    sigset_t ours;
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&ours);
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        (void)sigaddset(&ours, caught_signals[i]);
    (void)sigprocmask(SIG_BLOCK, &ours, &old->mask);
    arrived = 0;
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        (void)sigaction(caught_signals[i], &action, &old->actions[i]);
}

/* What came while they were blocked is noted first, by our handler. */
static void release_signals(const struct signals *old)
{
    (void)sigprocmask(SIG_SETMASK, &old->mask, NULL);
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        (void)sigaction(caught_signals[i], &old->actions[i], NULL);
}

static enum pos_status read_without_echo(char *answer, size_t capacity)
{
    struct termios before;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return POS_ERR_IO;
    struct signals old;
    catch_signals(&old);
    struct termios silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    enum pos_status status = POS_ERR_IO;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0)
        status = read_line(answer, capacity, &old.mask);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    release_signals(&old);
    say("\n");
    return status;
}

enum pos_status pos_prompt_secret(const char *question, char *answer, size_t capacity,
                                  struct pos_error *error)
{
    if (!pos_prompt_possible())
        return pos_error_set(error, POS_ERR_IO, "a secret is only read from a terminal");
    for (;;) {
        say(question);
        enum pos_status status = read_without_echo(answer, capacity);
        int number = arrived;
        arrived = 0;
        if (number == 0)
            return explain(status, capacity, error);
        pos_secret_wipe(answer, capacity);
        (void)raise(number); /* comes back after a stop, or from a handler of somebody else */
    }
}
