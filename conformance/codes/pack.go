package codes

// Codes are looked up by number: a map of strings would have to hash bytes of
// the file, and numbers of up to eight bytes compare in one step.

// cvxNumber is the number of a CVX code as it must be written: "03", "208".
// Zero stands for anything else.
func cvxNumber(b []byte) int {
	switch {
	case len(b) == 2 && digit(b[0]) && digit(b[1]):
		return int(b[0]-'0')*10 + int(b[1]-'0')
	case len(b) == 3 && digit(b[0]) && digit(b[1]) && digit(b[2]) && b[0] != '0':
		return int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0')
	}
	return 0
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// packText is a code of one to seven bytes as a number; zero for others. The
// number begins with a 1, so that a leading NUL counts.
func packText(b []byte) uint64 {
	if len(b) == 0 || len(b) > 7 {
		return 0
	}
	n := uint64(1)
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// NDCForm is how an NDC is written.
type NDCForm uint8

// The forms of an NDC.
const (
	NotNDC    NDCForm = iota
	Hyphens           // 5-4-2, as the CDC guide wants it
	Digits11          // eleven digits without hyphens
	OtherForm         // 4-4-2, 5-3-2 or 5-4-1: as on the package, with a zero left out
)

// packNDC is the eleven digits of an NDC as a number.
func packNDC(b []byte) (key uint64, form NDCForm) {
	if len(b) == 11 {
		return number(b, Digits11)
	}
	if len(b) != 12 && len(b) != 13 {
		return 0, NotNDC
	}
	first, second := -1, -1
	for i, c := range b {
		if c == '-' {
			switch {
			case first < 0:
				first = i
			case second < 0:
				second = i
			default:
				return 0, NotNDC
			}
		}
	}
	if second < 0 {
		return 0, NotNDC
	}
	labeler, product, pack := b[:first], b[first+1:second], b[second+1:]
	form = OtherForm
	if len(b) == 13 {
		form = Hyphens
	}
	sizes := [3]int{len(labeler), len(product), len(pack)}
	switch sizes {
	case [3]int{5, 4, 2}, [3]int{4, 4, 2}, [3]int{5, 3, 2}, [3]int{5, 4, 1}:
	default:
		return 0, NotNDC
	}
	l, ok1 := number(labeler, form)
	p, ok2 := number(product, form)
	k, ok3 := number(pack, form)
	if ok1 == NotNDC || ok2 == NotNDC || ok3 == NotNDC {
		return 0, NotNDC
	}
	return l*1_000_000 + p*100 + k, form
}

func number(b []byte, form NDCForm) (uint64, NDCForm) {
	var n uint64
	for _, c := range b {
		if !digit(c) {
			return 0, NotNDC
		}
		n = n*10 + uint64(c-'0')
	}
	return n, form
}

// barcode lengths: GS1's application identifier 253, a document type of 13
// digits, a serial number of 11 and the edition as YYMMDD.
const (
	barcodeLen  = 24
	documentLen = 13
)

// packBarcode is document type and edition of a statement's bar code as a
// number; zero for what is no such code. The serial number after the document
// is 11 in every code that CDC gave out.
func packBarcode(b []byte) uint64 {
	if len(b) != barcodeLen || b[0] != '2' || b[1] != '5' || b[2] != '3' || b[16] != '1' || b[17] != '1' {
		return 0
	}
	document, ok := number(b[3:3+documentLen], Digits11)
	edition, ok2 := number(b[18:], Digits11)
	if ok == NotNDC || ok2 == NotNDC {
		return 0
	}
	return document*1_000_000 + edition
}
