/* Arithmetic from additions, multiplications and divisions only: those are rounded the same everywhere, while the
 * last bit of a libm's exp is the libm's own, and one bit can turn a choice. */
#include <math.h>

#include "sample.h"

double exact_exp(double x) {
    const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33; /* their sum is ln 2 */
    const int k = (int)(x * 0x1.71547652b82fep0 + (x < 0 ? -0.5 : 0.5));
    const double r = (x - k * ln2_high) - k * ln2_low; /* |r| <= ln 2 / 2 */
    double sum = 1.0;
    for (int n = 14; n >= 1; n--) sum = 1.0 + sum * r / n;
    return ldexp(sum, k);
}

double exact_normal(ct_rng *r) {
    double sum = -6.0;
    for (int i = 0; i < 12; i++) sum += ct_rng_f64(r);
    return sum;
}
