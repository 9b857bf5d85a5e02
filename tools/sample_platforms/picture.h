/* The pictures of items. */
#ifndef TOOLS_SAMPLE_PLATFORMS_PICTURE_H
#define TOOLS_SAMPLE_PLATFORMS_PICTURE_H

#include "sample.h"

/* pixels [pictures, pictures, 3], RGB; overwritten. */
void draw_picture(const sample *s, int platform, int64_t index, const item *it, unsigned char *pixels);

#endif
