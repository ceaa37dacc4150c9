/* Ceremonies on a terminal: what is typed is never shown, and the echo comes back whatever happens.
 * The test plays the person, on a pseudo-terminal. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/keymgmt/program_steps.h"

TestSuite(program_terminal, .init = enter_folder, .fini = leave_folder, .timeout = 290);

#define ONE "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
#define TWO "F0E0D0C0B0A090807060504030201000F1E1D1C1B1A191817161514131211101"

enum { SCREEN_SIZE = 16384, PATIENCE_MS = 30000 };

struct person {
    int terminal;
    pid_t pid;
    char screen[SCREEN_SIZE]; /* all that was shown */
    size_t size, seen;
};

static void sit_down(struct person *person, const char *const *arguments)
{
    person->size = person->seen = 0;
    person->pid = forkpty(&person->terminal, NULL, NULL, NULL);
    cr_assert_geq(person->pid, 0);
    if (person->pid == 0)
        exec_program(arguments);
}

/* Waits until `words` are shown behind what was seen before; false when the program ended. */
static bool see(struct person *person, const char *words)
{
    for (;;) {
        person->screen[person->size] = '\0';
        char *found = strstr(person->screen + person->seen, words);
        if (found != NULL) {
            person->seen = (size_t)(found - person->screen) + strlen(words);
            return true;
        }
        struct pollfd ready = {.fd = person->terminal, .events = POLLIN};
        if (poll(&ready, 1, PATIENCE_MS) <= 0)
            return false;
        ssize_t got =
            read(person->terminal, person->screen + person->size, SCREEN_SIZE - 1 - person->size);
        if (got <= 0)
            return false;
        person->size += (size_t)got;
    }
}

static void type(struct person *person, const char *text)
{
    cr_assert_eq(write(person->terminal, text, strlen(text)), (ssize_t)strlen(text));
}

static bool echoes(const struct person *person)
{
    struct termios settings;
    cr_assert_eq(tcgetattr(person->terminal, &settings), 0);
    return (settings.c_lflag & ECHO) != 0;
}

static int stand_up(struct person *person)
{
    while (see(person, "\001")) /* to the end of what is shown */
        ;
    int status;
    cr_assert_eq(waitpid(person->pid, &status, 0), person->pid);
    (void)close(person->terminal);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define SEE(person, words)                                                                         \
    cr_assert(see(person, words), "not shown: '%s' in:\n%s", words, (person)->screen)

static void wait_for_silence(const struct person *person)
{
    for (int i = 0; i < PATIENCE_MS / 10 && echoes(person); i++)
        (void)usleep(10000);
    cr_assert_not(echoes(person));
}

static void give_component(struct person *person, const char *name, const char *hex)
{
    SEE(person, "Custodian's name: ");
    type(person, name);
    type(person, "\n");
    SEE(person, "(not shown): ");
    wait_for_silence(person);
    type(person, hex);
    type(person, "\n");
    SEE(person, "Check value CMAC:");
    type(person, "\n");
}

static struct person person;
static struct outcome outcome;

Test(program_terminal, a_typed_ceremony_shows_check_values_only)
{
    EXPECT(&outcome, 0, "init", "--single-operator");
    sit_down(&person, (const char *const[]){"ceremony", "lmk", NULL});
    give_component(&person, "Ada", ONE);
    give_component(&person, "Grace", TWO);
    SEE(&person, "Passphrase of the LMK: ");
    wait_for_silence(&person);
    type(&person, "correct horse battery\n");
    SEE(&person, "once more: ");
    wait_for_silence(&person);
    type(&person, "correct horse battery\n");
    SEE(&person, "LMK");
    cr_expect_eq(stand_up(&person), 0, "%s", person.screen);
    cr_expect_null(strstr(person.screen, "0405060708"), "%s", person.screen);
    cr_expect_null(strstr(person.screen, "D0C0B0A0"), "%s", person.screen);
    cr_expect_null(strstr(person.screen, "horse"), "%s", person.screen);

    sit_down(&person, (const char *const[]){"generate", "--count", "1", NULL});
    SEE(&person, "Passphrase of the LMK: ");
    wait_for_silence(&person);
    type(&person, "correct horse\n");
    cr_expect_eq(stand_up(&person), 77, "%s", person.screen);
    sit_down(&person, (const char *const[]){"generate", "--count", "1", NULL});
    SEE(&person, "Passphrase of the LMK: ");
    wait_for_silence(&person);
    type(&person, "correct horse battery\n");
    cr_expect_eq(stand_up(&person), 0, "%s", person.screen);
}

static void give_secret(const char *question, const char *secret)
{
    SEE(&person, question);
    wait_for_silence(&person);
    type(&person, secret);
    type(&person, "\n");
}

#define ALICES "alice's pass phrase"
#define BOBS   "bob's pass phrase"

static void end_well(void)
{
    cr_expect_eq(stand_up(&person), 0, "%s", person.screen);
    cr_expect_null(strstr(person.screen, "pass phrase"), "%s", person.screen);
    cr_expect_null(strstr(person.screen, "0405060708"), "%s", person.screen);
}

/* Every secret of a library that needs two people, typed: nothing of them is ever shown. */
Test(program_terminal, people_type_their_passwords_unseen)
{
    sit_down(&person,
             (const char *const[]){"init", "--make-credential", "--operator", "alice", "--approver",
                                   "bob", "--custodian", "alice", "--custodian", "bob", NULL});
    give_secret("New password of alice: ", "short");
    SEE(&person, "too easy to guess");
    give_secret("New password of alice: ", ALICES);
    give_secret("once more: ", BOBS);
    SEE(&person, "differ");
    give_secret("New password of alice: ", ALICES);
    give_secret("once more: ", ALICES);
    give_secret("New password of bob: ", BOBS);
    give_secret("once more: ", BOBS);
    end_well();

    sit_down(&person, (const char *const[]){"--operator", "alice", "ceremony", "lmk", NULL});
    give_secret("Password of alice: ", ALICES);
    for (int i = 0; i < 2; i++) {
        SEE(&person, "Custodian's name: ");
        type(&person, i == 0 ? "ALICE\n" : "bob\n");
        give_secret(i == 0 ? "Password of ALICE: " : "Password of bob: ", i == 0 ? ALICES : BOBS);
        give_secret("(not shown): ", i == 0 ? ONE : TWO);
        SEE(&person, "Check value CMAC:");
        type(&person, "\n");
    }
    SEE(&person, "alice"); /* as the library writes it */
    end_well();

    sit_down(&person, (const char *const[]){"--operator", "alice", "operator", "change", "bob",
                                            "--role", "approver,auditor,custodian", NULL});
    give_secret("Password of alice: ", ALICES);
    cr_expect_eq(stand_up(&person), 75, "%s", person.screen);
    sit_down(&person, (const char *const[]){"--operator", "bob", "approve", "1", NULL});
    give_secret("Password of bob: ", BOBS);
    SEE(&person, "change person=bob roles=custodian,approver,auditor");
    SEE(&person, "Agreed? Type yes: ");
    type(&person, "y\n");
    SEE(&person, "the answer was not yes");
    cr_expect_eq(stand_up(&person), 75, "%s", person.screen);
    sit_down(&person, (const char *const[]){"--operator", "bob", "approve", "1", NULL});
    give_secret("Password of bob: ", BOBS);
    SEE(&person, "Agreed? Type yes: ");
    type(&person, "yes\n");
    SEE(&person, "given");
    end_well();
}

Test(program_terminal, mistakes_are_asked_again)
{
    EXPECT(&outcome, 0, "init", "--single-operator", "--make-credential");
    sit_down(&person, (const char *const[]){"ceremony", "lmk", NULL});
    SEE(&person, "Custodian's name: ");
    type(&person, "Ada\n");
    SEE(&person, "(not shown): ");
    wait_for_silence(&person);
    type(&person, "0123\n");
    SEE(&person, "4 hex digits");
    SEE(&person, "(not shown): ");
    wait_for_silence(&person);
    type(&person, TWO "\n");
    SEE(&person, "Check value");
    type(&person, "n\n");
    SEE(&person, "(not shown): ");
    wait_for_silence(&person);
    type(&person, ONE "\n");
    SEE(&person, "Check value");
    type(&person, "\n");
    SEE(&person, "Custodian's name: ");
    type(&person, "ada\n");
    SEE(&person, "one custodian, one component");
    give_component(&person, "Grace", TWO);
    cr_expect_eq(stand_up(&person), 0, "%s", person.screen);
}

Test(program_terminal, the_echo_comes_back_when_interrupted)
{
    EXPECT(&outcome, 0, "init", "--single-operator", "--make-credential");
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        sit_down(&person, (const char *const[]){"ceremony", "lmk", NULL});
        SEE(&person, "Custodian's name: ");
        type(&person, "Ada\n");
        SEE(&person, "(not shown): ");
        wait_for_silence(&person);
        type(&person, "0011");
        int slave = open(ptsname(person.terminal), O_RDWR | O_NOCTTY); /* keeps the settings */
        cr_assert_geq(slave, 0);
        cr_assert_eq(kill(person.pid, signals[i]), 0);
        int status;
        cr_assert_eq(waitpid(person.pid, &status, 0), person.pid);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "signal %d: status %x",
                  signals[i], status);
        cr_expect(echoes(&person), "signal %d", signals[i]);
        (void)close(slave);
        (void)close(person.terminal);
    }
    cr_expect_neq(access(in_folder("home/lmk.sealed"), F_OK), 0);
}
