/*
 * The commands of a program: the first word of its command line chooses one of them, as in
 * `posgate-emulator mother --port 1`, or the second, as in `posgate-keymgmt audit verify`.
 */
#ifndef POS_BASE_MENU_H
#define POS_BASE_MENU_H

#include <argp.h>
#include <stddef.h>

enum { POS_MENU_COUNT_MAX = 32, POS_MENU_TITLE_SIZE = 64 };

struct pos_menu {
    const char *title;          /* what stands before the word; borrowed, as all that follows */
    const char *doc;            /* what these commands are for */
    const struct argp *options; /* what may stand before the word; NULL: nothing */
    void *input;                /* theirs */
    /* The rest is the menu's own; zero at first. */
    struct {
        const char *name, *summary;
    } commands[POS_MENU_COUNT_MAX];
    size_t count;
    char chosen[POS_MENU_TITLE_SIZE]; /* "posgate-emulator mother" */
};

/* In the order in which --help lists them. */
void pos_menu_add(struct pos_menu *menu, const char *name, const char *summary);

/*
 * Which of the commands it is, counted from 0. *argc and *argv become the command's: its words,
 * with its full name in front for argp's messages, which is in `menu` and lasts as long. Ends the
 * process with 0 after --help, and with POS_EXIT_USAGE when there is no word, or none of the
 * commands, which is said with the nearest that there is.
 */
size_t pos_menu_choose(struct pos_menu *menu, int *argc, char ***argv);

#endif
