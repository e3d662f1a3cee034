package dqa

import "slices"

// keyed counts the lines of a report that read "key: value".
type keyed struct {
	order []string // as they came first
	keys  map[string]*draftKey
	lines int
}

// draftKey is a key with what its values look like.
type draftKey struct {
	header string
	shapes [shapes]int
	count  int
	files  int // how many of its values name a file
}

const sketchKeys = 200

func (k *keyed) add(line string) {
	words, value, ok := keyValue(line)
	if !ok {
		return
	}
	k.lines++
	if k.keys == nil {
		k.keys = map[string]*draftKey{}
	}
	key := k.keys[words]
	if key == nil {
		if len(k.order) >= sketchKeys {
			return
		}
		key = &draftKey{header: words}
		k.keys[words], k.order = key, append(k.order, words)
	}
	key.count++
	key.shapes[shapeOf(value)]++
	if fileIn(value) != "" {
		key.files++
	}
}

// finish makes a table of the keys, where most of the lines are such and at least
// two keys come again and again. The first that does so begins a record.
func (k *keyed) finish(rows int, known []Mapping) (t SketchTable, headings []SketchHeading, ok bool) {
	most := 0
	for _, key := range k.keys {
		most = max(most, key.count)
	}
	var again []string
	for _, words := range k.order {
		// What is told of a record that was refused may come once.
		if key := k.keys[words]; key.count >= 2 || len(again) > 0 && key.shapes[shapeCode]+key.shapes[shapeCodedText] > 0 {
			again = append(again, words)
		}
	}
	begins := slices.IndexFunc(again, func(words string) bool {
		key := k.keys[words]
		return 2*key.count >= most && 2*key.files < key.count
	})
	if k.lines*2 < rows || len(again) < 2 || begins < 0 {
		return t, nil, false
	}
	d := draftTable{rows: k.keys[again[begins]].count}
	for _, words := range again {
		key := k.keys[words]
		if key.files == key.count && 2*key.count < most {
			headings = append(headings, SketchHeading{Pattern: words + " *", File: true})
			continue
		}
		d.header, d.shapes = append(d.header, words), append(d.shapes, key.shapes)
	}
	t = d.finish(known)
	t.Block = again[begins]
	return t, headings, true
}
