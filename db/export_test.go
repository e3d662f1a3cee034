package db

// What tests compare.
var (
	PlaceOf = placeOf
	FieldOf = fieldOf
)
