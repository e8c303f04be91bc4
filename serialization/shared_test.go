package serialization

import (
	"encoding/binary"
	"testing"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// capturedItems gives the items of a captured request or reply.
func capturedItems(t testing.TB, name string) []chain.Item {
	t.Helper()
	b := evidence.File(t, "captures", "call", name)
	return itemsOf(t, b[84:])
}

func itemsOf(t testing.TB, b []byte) []chain.Item {
	t.Helper()
	var items []chain.Item
	r := chain.NewBytesReader(b, chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			break
		}
		items = append(items, it)
	}
	return items
}

// sectionBytes cuts the parameter section out of a captured message: behind 0512, up to
// 0130 or the end item.
func sectionBytes(t testing.TB, name string) []byte {
	t.Helper()
	b := evidence.File(t, "captures", "call", name)[84:]
	start, end := 0, 0
	r := chain.NewBytesReader(b, chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			end = int(r.Offset()) - 6
			break
		}
		if it.Tag == chain.Parameters {
			start = int(r.Offset())
		}
		if it.Tag == chain.Program {
			end = int(it.Offset)
			break
		}
	}
	require.Positive(t, start)
	return b[start:end]
}

const rfctestFields = "RFCFLOAT:F RFCCHAR1:C1 RFCINT2:s RFCINT1:b RFCCHAR4:C4 RFCINT4:I RFCHEX3:X3 RFCCHAR2:C2 RFCTIME:T RFCDATE:D RFCDATA1:C50 RFCDATA2:C50"

// testDictionary has the types of the standard test functions.
func testDictionary() *metadata.Dictionary {
	d := new(metadata.Dictionary)
	d.Structure("RFCTEST", rfctestFields)
	d.Structure("TAB512", "WA:C512")
	d.Structure("RFC_DB_FLD", "FIELDNAME:C30 OFFSET:N6 LENGTH:N6 TYPE:C1 FIELDTEXT:C60")
	d.Structure("RFC_DB_OPT", "TEXT:C72")
	d.Structure("ABAPTEXT", "I:I C:C10 STR:g XSTR:y")
	d.Structure("SDTI_RESULT", "LINE:g")
	d.Table("DEEPTAB", "{ABAPTEXT}")
	d.Table("SDTI_TAB", "{SDTI_RESULT}")
	return d
}

func testFunction(t testing.TB, name string) *metadata.Function {
	t.Helper()
	d := testDictionary()
	require.NoError(t, d.Err())
	f, err := d.Function(name, map[string]string{
		"STFC_CONNECTION": `IMPORTING REQUTEXT:C255
			EXPORTING ECHOTEXT:C255
			EXPORTING RESPTEXT:C255`,
		"STFC_CHANGING": `IMPORTING START_VALUE:I
			EXPORTING RESULT:I
			CHANGING COUNTER:I`,
		"STFC_STRUCTURE": `IMPORTING IMPORTSTRUCT:{RFCTEST}
			EXPORTING ECHOSTRUCT:{RFCTEST}
			EXPORTING RESPTEXT:C255
			TABLES RFCTABLE:[RFCTEST]`,
		"STFC_DEEP_TABLE": `IMPORTING IMPORT_TAB:[DEEPTAB]
			EXPORTING EXPORT_TAB:[DEEPTAB]
			EXPORTING RESPTEXT:C255`,
		"RFC_READ_TABLE": `IMPORTING QUERY_TABLE:C30
			IMPORTING DELIMITER:C1 DEFAULT SPACE
			IMPORTING NO_DATA:C1 OPTIONAL
			IMPORTING ROWSKIPS:I OPTIONAL
			IMPORTING ROWCOUNT:I OPTIONAL
			EXPORTING ET_DATA:[SDTI_TAB]
			TABLES OPTIONS:[RFC_DB_OPT]
			TABLES FIELDS:[RFC_DB_FLD]
			TABLES DATA:[TAB512]`,
	}[name])
	require.NoError(t, err)
	return f
}

// function builds a function from a definition over the test dictionary.
func function(t testing.TB, definition string) *metadata.Function {
	t.Helper()
	d := testDictionary()
	d.Structure("T10", t10Fields)
	f, err := d.Function("Z_TEST", definition)
	require.NoError(t, err)
	require.NoError(t, d.Err())
	return f
}

// t10Fields are ten columns of 212 bytes, seven of them text.
const t10Fields = "MANDT:C3 MATNR:C18 WERKS:C4 LGORT:C4 CHARG:C10 MAKTX:C50 MEINS:C3 ERDAT:D MENGE:P8.3 LFDNR:I"

// feed gives the items of a section to s and finishes it.
func feed(s *Section, b []byte) error {
	r := chain.NewBytesReader(b, chain.Limits{})
	for int(r.Offset()) < len(b) {
		it, err := r.Next()
		if err != nil {
			return err
		}
		if _, err := s.Item(it); err != nil {
			return err
		}
	}
	return s.Finish()
}

func item(tag chain.Tag, value []byte) chain.Item { return chain.Item{Tag: tag, Value: value} }

func utf16(s string) []byte {
	var b []byte
	for _, r := range s {
		b = binary.LittleEndian.AppendUint16(b, uint16(r))
	}
	return b
}
