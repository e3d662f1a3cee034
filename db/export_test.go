package db

// What tests compare.
var (
	PlaceOf = placeOf
	FieldOf = fieldOf
)

// SettleAll makes the store's imports leave every item to the database.
func (s *Store) SettleAll() { s.settleAll = true }
