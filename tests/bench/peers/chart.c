/* See chart.h. */
#include "tests/bench/peers/chart.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 960
#define MARGIN 24
#define COLUMN_WIDTH 440
#define COLUMN_GAP 32
#define BAR_HEIGHT 11
#define BAR_STEP 14
#define BAR_WIDTH_MAX 360 /* the value stands beside it */
#define TITLE_HEIGHT 17
#define ROW_GAP 11
#define GROUP_HEIGHT 30
#define TOP 66
#define FOOT 62

/* A card of its own colour, so that it does not matter what is around it. */
static const char style[] =
    "<style>\n"
    "text{font:12px system-ui,sans-serif;fill:#1f2328}\n"
    ".card{fill:#fff;stroke:#d0d7de}.title{font-size:17px;font-weight:600}\n"
    ".group{font-size:13px;font-weight:600}.quiet{fill:#59636e;font-size:11px}\n"
    ".mlpd{fill:#1f6feb}.torch{fill:#d9652b}.sklearn{fill:#8250df}\n"
    "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.card{fill:#0d1117;stroke:#30363d}\n"
    ".quiet{fill:#9198a1}.mlpd{fill:#4493f8}.torch{fill:#f0883e}.sklearn{fill:#ab7df8}}\n"
    "</style>\n";

static const char *const classes[SIDES] = {"mlpd", "torch", "sklearn"};

static void write_escaped(FILE *file, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", file);
            break;
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        default:
            fputc(*text, file);
        }
    }
}

static void write_text(FILE *file, int x, int y, const char *attributes, const char *text) {
    fprintf(file, "<text x=\"%d\" y=\"%d\"%s>", x, y, attributes);
    write_escaped(file, text);
    fputs("</text>\n", file);
}

static void write_bar(FILE *file, int x, int y, double width, enum side side) {
    fprintf(file, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n",
            classes[side], x, y, width < 1 ? 1 : width, BAR_HEIGHT);
}

static double largest(const struct comparison *comparison, const struct row *row) {
    double most = 0;
    for (enum side side = 0; side < SIDES; side++) {
        const double value = comparison_median(comparison, row, side);
        most = value > most ? value : most;
    }
    return most;
}

static void write_row(FILE *file, const struct comparison *comparison, const struct row *row, int x,
                      int y) {
    char text[4 * LABEL_BYTES], torch[LABEL_BYTES], sklearn[LABEL_BYTES];
    snprintf(text, sizeof text, "%s, %s", row->name, row->unit);
    write_text(file, x, y + 12, "", text);
    comparison_format(comparison_times(comparison, row, SIDE_TORCH), torch);
    comparison_format(comparison_times(comparison, row, SIDE_SKLEARN), sklearn);
    snprintf(text, sizeof text, "%s × · %s ×", torch, sklearn);
    write_text(file, x + COLUMN_WIDTH, y + 12, " class=\"quiet\" text-anchor=\"end\"", text);
    const double most = largest(comparison, row);
    for (enum side side = 0; side < SIDES; side++) {
        const double value = comparison_median(comparison, row, side);
        const double width = value / most * BAR_WIDTH_MAX;
        const int top = y + TITLE_HEIGHT + (int)side * BAR_STEP;
        write_bar(file, x, top, width, side);
        comparison_format(value, text);
        write_text(file, x + (int)width + 6, top + BAR_HEIGHT - 1, " class=\"quiet\"", text);
    }
}

static int row_height(void) {
    return TITLE_HEIGHT + (int)SIDES * BAR_STEP + ROW_GAP;
}

/* Of the group that begins with this row. */
static int group_height(const struct comparison *comparison, size_t first) {
    int height = GROUP_HEIGHT;
    for (size_t i = first; i < comparison->count; i++) {
        const struct row *row = &comparison->rows[i];
        const bool same = strcmp(row->group, comparison->rows[first].group) == 0;
        height += same && row->in_chart ? row_height() : 0;
    }
    return height;
}

/* Groups one below the other, the second column from the group on in which the first would
 * be half full.  Without a file only the height is found. */
static int write_columns(FILE *file, const struct comparison *comparison, int half) {
    const char *group = "";
    int x = MARGIN, y = TOP, lowest = TOP;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct row *row = &comparison->rows[i];
        if (!row->in_chart) {
            continue;
        }
        if (strcmp(group, row->group) != 0) {
            group = row->group;
            if (x == MARGIN && y + group_height(comparison, i) / 2 > half) {
                x += COLUMN_WIDTH + COLUMN_GAP;
                y = TOP;
            }
            if (file != NULL) {
                write_text(file, x, y + 20, " class=\"group\"", group);
            }
            y += GROUP_HEIGHT;
        }
        if (file != NULL) {
            write_row(file, comparison, row, x, y);
        }
        y += row_height();
        lowest = y > lowest ? y : lowest;
    }
    return lowest;
}

static void write_legend(FILE *file) {
    int x = MARGIN;
    for (enum side side = 0; side < SIDES; side++) {
        write_bar(file, x, 44, BAR_HEIGHT, side);
        write_text(file, x + 16, 54, "", side_names[side]);
        x += 46 + 7 * (int)strlen(side_names[side]);
    }
    write_text(file, WIDTH - MARGIN, 54, " class=\"quiet\" text-anchor=\"end\"",
               "ms and MiB: less is better.  At the right: how many times better mlpd is than "
               "PyTorch · scikit-learn");
}

static void write_foot(FILE *file, const struct comparison *comparison, int y) {
    char text[4 * LABEL_BYTES];
    snprintf(text, sizeof text, "%s: %s, %s", comparison->command, comparison->date,
             comparison->cpu);
    write_text(file, MARGIN, y, " class=\"quiet\"", text);
    snprintf(text, sizeof text, "%s · %s · %s", comparison->versions[SIDE_MLPD],
             comparison->versions[SIDE_TORCH], comparison->versions[SIDE_SKLEARN]);
    write_text(file, MARGIN, y + 17, " class=\"quiet\"", text);
    snprintf(text, sizeof text,
             "Medians of %zu rounds; the load generator on the same cores, whose load average was "
             "%.1f before.",
             comparison->rounds, comparison->load_before[0]);
    write_text(file, MARGIN, y + 34, " class=\"quiet\"", text);
}

bool chart_write(const struct comparison *comparison, const char *name) {
    FILE *file = fopen(name, "w");
    if (file == NULL) {
        return false;
    }
    const int whole = write_columns(NULL, comparison, 1 << 30), half = TOP + (whole - TOP) / 2;
    const int lowest = write_columns(NULL, comparison, half), height = lowest + FOOT;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" role=\"img\">\n<title>mlpd beside what a user would write "
            "instead</title>\n%s<rect class=\"card\" x=\".5\" y=\".5\" width=\"%d\" height=\"%d\" "
            "rx=\"8\"/>\n",
            WIDTH, height, WIDTH, height, style, WIDTH - 1, height - 1);
    write_text(file, MARGIN, 31, " class=\"title\"", "mlpd beside what a user would write instead");
    write_legend(file);
    write_columns(file, comparison, half);
    write_foot(file, comparison, lowest + 16);
    fputs("</svg>\n", file);
    return fclose(file) == 0;
}
