/* Status codes of every Crosstower call, and the error that explains one.
 *
 * A function that can fail returns ct_status and takes a ct_error * last. The place where something goes wrong writes
 * the one message (object, value found, value wanted); the frames above only pass the status on. The first error
 * wins: writing into a ct_error that already holds one changes nothing, so that clean-up cannot hide the cause. */
#ifndef CROSSTOWER_STATUS_H
#define CROSSTOWER_STATUS_H

/* What the shared library exports; everything else in it is hidden. */
#if defined(__GNUC__)
#define CT_API __attribute__((visibility("default")))
#else
#define CT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ct_status {
    CT_OK = 0,
    CT_ERR_ARGUMENT,    /* a call our caller should not have made: a NULL, a size out of range */
    CT_ERR_CONFIG,      /* the user's configuration or command line is wrong (exit code 2) */
    CT_ERR_DATA,        /* the user's data is wrong: rows, ids, encodings */
    CT_ERR_SHAPE,       /* tensors whose shapes do not fit together */
    CT_ERR_DTYPE,       /* an element type that the operation does not take */
    CT_ERR_UNSUPPORTED, /* the device cannot honour this */
    CT_ERR_MEMORY,      /* an allocation failed */
    CT_ERR_IO,          /* the operating system refused: open, read, write, sync, rename */
    CT_ERR_FORMAT,      /* a file of ours, or of a known format, is truncated, corrupt or of another version */
    CT_ERR_NONFINITE,   /* the loss or a gradient is not finite and the run was told to stop */
    CT_ERR_INTERRUPTED, /* the caller asked to stop (exit code 130) */
    CT_ERR_INTERNAL     /* a defect of ours */
} ct_status;

/* One error. Initialise with CT_ERROR_INIT (all zero). Texts longer than the buffer end in "...". */
typedef struct ct_error {
    ct_status status;
    char text[2048];
} ct_error;

#define CT_ERROR_INIT {CT_OK, {0}}

/* The code's name, "CT_ERR_IO"; never NULL. */
CT_API const char *ct_status_name(ct_status status);

#ifdef __cplusplus
}
#endif
#endif
