/* Standard output: that it is there, that all of it was written, and texts in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/cli.h"

void ct__output_begin(void) {
    /* Each is opened the wrong way round, so that using it fails instead of doing nothing. */
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[fd]) < 0) return;
}

/* Why a long text was not written: the flush at the end no longer knows. */
static int first_error;

void ct__print(const char *text) {
    if (fputs(text, stdout) == EOF && first_error == 0) first_error = errno;
}

int ct__output_end(int exit_code) {
    if (fflush(stdout) != 0 && first_error == 0) first_error = errno;
    if (!ferror(stdout)) return exit_code;
    fprintf(stderr, "crosstower: cannot write to standard output: %s\n",
            first_error ? strerror(first_error) : "an earlier write failed");
    return exit_code == CT__EXIT_DONE ? CT__EXIT_FAILED : exit_code;
}

/* ---- UTF-8 --------------------------------------------------------------------------------------------- */

/* The next character: its bytes and its columns. What is no printable character has columns -1. */
static size_t next_character(const char *text, mbstate_t *state, int *columns) {
    wchar_t c;
    const size_t n = mbrtowc(&c, text, strlen(text), state);
    if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
        memset(state, 0, sizeof *state);
        *columns = -1;
        return 1;
    }
    *columns = wcwidth(c);
    return n;
}

int ct__text_columns(const char *text) {
    mbstate_t state = {0};
    int sum = 0, columns;
    for (; *text; sum += columns < 0 ? 1 : columns) text += next_character(text, &state, &columns);
    return sum;
}

void ct__print_cell(const char *text, int columns, bool pad) {
    mbstate_t state = {0};
    const bool cut = ct__text_columns(text) > columns;
    const int room = cut ? columns - 1 : columns; /* the ellipsis takes one */
    int used = 0, width;
    while (*text) {
        const size_t n = next_character(text, &state, &width);
        if (used + (width < 0 ? 1 : width) > room) break;
        if (width < 0)
            fputc('?', stdout);
        else
            fwrite(text, 1, n, stdout);
        used += width < 0 ? 1 : width;
        text += n;
    }
    if (cut) {
        fputs("\xe2\x80\xa6", stdout);
        used++;
    }
    if (pad) printf("%*s", columns - used, "");
}

void ct__print_json(const char *text) {
    fputc('"', stdout);
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            printf("\\u%04x", c);
        else
            fputc(c, stdout);
    }
    fputc('"', stdout);
}

bool ct__is_utf8(const char *text) {
    mbstate_t state = {0};
    const size_t n = mbsrtowcs(NULL, &text, 0, &state);
    return n != (size_t)-1;
}
