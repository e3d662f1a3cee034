// Package texas is the profile of the Texas Immunization Registry (ImmTrac2)
// as data: every value with its source, the code catalogue, the layouts of its
// reports and the letters.
//
// What a DSHS document says stands as confirmed, with the document. What none
// says is a default of ours, marked so, and can be overridden by files in the
// config folder and per practice without a rebuild; see [Load]. The same goes
// for the letters; see [LoadLetters].
//
// The package must not decide anything and must not read files itself: the
// caller hands in the bytes of overrides. It knows nothing but the nouns.
package texas
