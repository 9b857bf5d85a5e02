/* The schema: one row for each configuration key. Validation, defaults, `config --explain`, the resolved file and the
 * freeing of a config all walk this table; nothing else knows a key's name, type, range or default. */
#ifndef CT_CONFIG_SCHEMA_H
#define CT_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "config/config.h"

/* The offset of a key that has no field: it is checked, explained and dumped as its default. */
#define CT__NOWHERE ((size_t)-1)

typedef enum ct__key_type {
    CT__KEY_TYPE_SECTION, /* keys below */
    CT__KEY_TYPE_MAP,     /* names below, chosen by the user: an array of elements in the struct */
    CT__KEY_TYPE_BOOL,    /* bool */
    CT__KEY_TYPE_INT,     /* int64_t */
    CT__KEY_TYPE_REAL,    /* double; NaN: unset */
    CT__KEY_TYPE_PAIR,    /* two doubles that lie side by side */
    CT__KEY_TYPE_TEXT,    /* char *; with choices: one of them */
    CT__KEY_TYPE_TIME,    /* char * that ct_parse_time takes */
    CT__KEY_TYPE_PATH,    /* char *; with choices: one of them, or a path */
    CT__KEY_TYPE_PATHS,   /* ct_strlist; one or a list, globs allowed */
    CT__KEY_TYPE_NAMES,   /* ct_strlist of texts, each once; one or a list */
    CT__KEY_TYPE_INTS,    /* ct_intlist, increasing; one or a list */
    CT__KEY_TYPE_CHOICE,  /* an enum */
    CT__KEY_TYPE_SWITCH,  /* a bool written as one of two words */
    CT__KEY_TYPE_FLAGS    /* unsigned: bits of one or several words */
} ct__key_type;

/* What must stand at a path when the config is read. */
typedef enum ct__path_want { CT__PATH_WANT_NOTHING, CT__PATH_WANT_FILE, CT__PATH_WANT_FOLDER } ct__path_want;

/* A word and its value. refusal: the word is known, but refused for this reason. A list ends with word NULL. */
typedef struct ct__choice {
    const char *word;
    unsigned value;
    const char *refusal;
} ct__choice;

/* Where a MAP keeps its elements: offsets of the array and its count in the enclosing struct, of the name in an
 * element. */
typedef struct ct__map {
    size_t element_bytes, array, count, name;
    bool any_name; /* names may hold any character; otherwise letters, digits, _ and - */
    const char *placeholder; /* "NAME", for the reference */
} ct__map;

typedef struct ct__key {
    const char *path;      /* "platforms.*.items.id"; a "*" is a name below a MAP */
    ct__key_type type;
    size_t offset;         /* in the element of the innermost "*", or in ct_config */
    const char *fallback;  /* the default as YAML; NULL: unset */
    const char *computed;  /* the default in words, where code works it out */
    double min, max;       /* numbers; both 0: any */
    bool above, below;     /* the bound itself is out of range */
    int max_count;         /* INTS */
    bool may_be_empty;     /* PATHS, NAMES: [] is a value */
    const char *unit;      /* REAL: may follow the number ("1 epoch") */
    const ct__choice *choices;
    ct__path_want want;
    const ct__map *map;
    const char *shorthand; /* SECTION: a value that is not a section goes to this key below it */
    unsigned when_mask;    /* not 0: the key has a meaning only where (1 << enum at when_offset) & when_mask */
    size_t when_offset;
    const char *when_text; /* what is wanted, in words, where no key is a choice of that enum: it is worked out ... */
    const char *const *when_keys; /* ... from these keys; a list ends with NULL */
    const char *unless;    /* the sibling (a TEXT or TIME key) that stands instead of this key */
    const char *help;
} ct__key;

extern const ct__key ct__schema[];
extern const int ct__n_schema;

/* Row numbers; -1 is the root as a parent, and "none" as an answer. */
int ct__schema_find(const char *path);
/* The row for `name` below parent: the key itself, or the parent's "*". */
int ct__schema_child(int parent, const char *name);
/* Direct children in the table's order: begin with previous = -1. */
int ct__schema_next(int parent, int previous);
/* The row that encloses row i. */
int ct__schema_parent(int i);
/* The last part of the path. */
const char *ct__key_name(const ct__key *key);
/* The choice that decides whether the key has a meaning; NULL when none does. */
const ct__key *ct__schema_deciding(const ct__key *key);
/* Whether the key has a meaning given the enum that `when_offset` names; base is the struct of the offsets. */
bool ct__key_applies(const ct__key *key, const void *base);
/* Whether a number is one that the key takes. */
bool ct__key_in_range(const ct__key *key, double value);
/* Appends what the key wants: "a whole number from 1 to 64", "one of cosine, dot". */
ct_status ct__key_wanted(const ct__key *key, ct_str *out, ct_error *err);
/* Appends a number in its shortest form that reads back to the same double. */
ct_status ct__put_real(ct_str *out, double value, ct_error *err);

#endif
