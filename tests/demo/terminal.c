/* See terminal.h. */
#include "tests/demo/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_COLUMNS 16
#define GAP_COLUMNS 3 /* between two pictures */

#define ERASE_LINE "\r\033[K"
#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

bool terminal_is_one(void) {
    const char *type = getenv("TERM");
    return isatty(STDOUT_FILENO) && type && strcmp(type, "dumb") != 0 && !getenv("NO_COLOR");
}

const char *terminal_thousands(size_t number, char text[static 32]) {
    char digits[24];
    const size_t length = (size_t)snprintf(digits, sizeof digits, "%zu", number);
    char *end = text;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *end++ = ',';
        }
        *end++ = digits[i];
    }
    *end = '\0';
    return text;
}

/* A bar that is full at 1, fine to an eighth of a column. */
static void draw_bar(double share) {
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const int filled = (int)(share * BAR_COLUMNS * 8);
    const int rest = BAR_COLUMNS - filled / 8 - (filled % 8 > 0);
    for (int i = 0; i < filled / 8; i++) {
        fputs("█", stdout);
    }
    printf("%s" DIM, eighths[filled % 8]);
    for (int i = 0; i < rest; i++) {
        fputs("·", stdout);
    }
    fputs(PLAIN, stdout);
}

void terminal_progress(const struct progress *progress) {
    char rate[32];
    const double share = (double)progress->examples / (double)progress->examples_all;
    if (progress->seconds > 0) {
        terminal_thousands((size_t)((double)progress->examples / progress->seconds), rate);
    } else {
        strcpy(rate, "0");
    }
    printf("%sepoch %2u/%u ", terminal_is_one() ? ERASE_LINE : "  ", progress->epoch,
           progress->epochs);
    if (terminal_is_one()) {
        draw_bar(share);
    } else {
        printf("%4.0f %%", 100 * share);
    }
    printf(" %7s examples/s  loss %.4f  accuracy %4.1f %%%s", rate, progress->loss,
           100 * progress->accuracy, terminal_is_one() ? "" : "\n");
    fflush(stdout);
}

void terminal_progress_end(void) {
    if (terminal_is_one()) {
        fputs(ERASE_LINE, stdout);
        fflush(stdout);
    }
}

static size_t terminal_columns(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* One of the 24 greys of the 256-colour palette, 232 to 255. */
static int grey(uint8_t pixel) {
    return 232 + pixel * 24 / 256;
}

/* One line of text shows two rows of pixels, `upper` and the one below it: in
 * colour as the upper half block over the lower one's background, else as a
 * character of their mean shade. */
static void draw_two_rows(const uint8_t *upper) {
    static const char shades[] = " .:-=+*#%@";
    const uint8_t *lower = upper + PICTURE_SIDE;
    for (int x = 0; x < PICTURE_SIDE; x++) {
        if (terminal_is_one()) {
            printf("\033[38;5;%d;48;5;%dm▀", grey(upper[x]), grey(lower[x]));
        } else {
            putchar(shades[(upper[x] + lower[x]) * 10 / 512]);
        }
    }
    if (terminal_is_one()) {
        fputs(PLAIN, stdout);
    }
}

static void draw_row_of_pictures(const struct picture *pictures, size_t count) {
    for (int y = 0; y < PICTURE_SIDE; y += 2) {
        for (size_t i = 0; i < count; i++) {
            printf("%*s", GAP_COLUMNS, "");
            draw_two_rows(pictures[i].pixels + (size_t)y * PICTURE_SIDE);
        }
        putchar('\n');
    }
    for (int line = 0; line < 2; line++) {
        for (size_t i = 0; i < count; i++) {
            printf("%*s%-*s", GAP_COLUMNS, "", PICTURE_SIDE, pictures[i].captions[line]);
        }
        putchar('\n');
    }
    putchar('\n');
}

void terminal_pictures(const struct picture *pictures, size_t count) {
    size_t across = terminal_columns() / (PICTURE_SIDE + GAP_COLUMNS);
    if (across > count) {
        across = count;
    }
    /* Rows of the same length look better than a last one that is short. */
    while (across > 1 && count % across != 0) {
        across--;
    }
    for (size_t i = 0; i<count; i += across> 0 ? across : 1) {
        draw_row_of_pictures(pictures + i, across > 0 ? across : 1);
    }
}

/* One count, six columns wide; the diagonal stands out, nothing is a dot. */
static void draw_count(size_t count, bool diagonal) {
    const char *weight = diagonal ? BOLD : (count == 0 ? DIM : "");
    if (terminal_is_one()) {
        fputs(weight, stdout);
    }
    if (count == 0) {
        printf("%6s", ".");
    } else {
        printf("%6zu", count);
    }
    if (terminal_is_one() && *weight) {
        fputs(PLAIN, stdout);
    }
}

void terminal_confusion(const size_t *counts, const char *const *names, size_t classes) {
    printf("  %-12s", "true");
    for (size_t j = 0; j < classes; j++) {
        printf(" %5.5s", names[j]);
    }
    printf("  recall\n");
    for (size_t i = 0; i < classes; i++) {
        size_t support = 0;
        printf("  %-12s", names[i]);
        for (size_t j = 0; j < classes; j++) {
            const size_t count = counts[i * classes + j];
            support += count;
            draw_count(count, i == j);
        }
        const double recall = support > 0 ? (double)counts[i * classes + i] / (double)support : 0;
        printf("  %4.1f %%\n", 100 * recall);
    }
}
