package rfctest

import (
	"context"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// echoes are modules of our own that return what they are given, for every type that a
// call can carry. They stand for the custom modules of other connectors' tests.
func echoes() area {
	return area{
		types: func(d *metadata.Dictionary) {
			// The names of the fields are those of the other connectors' structure where
			// cases name them: ZDEC, ZCURR, ZQUAN, ZQUAN_SIGN, ZRAW.
			d.Structure("ZTYPES_FLAT", `ZACCP:N6 ZCHAR:C30 ZCLNT:C3 ZCUKY:C5 ZCURR:P7.2 ZDATS:D ZDEC:P4.2 ZFLTP:F ZINT1:b ZINT2:s ZINT4:I
				ZINT8:8 ZLANG:C1 ZNUMC:N10 ZQUAN:P7.4 ZQUAN3:P7.3 ZQUAN_SIGN:P8.3 ZPREC:P16.14 ZRAW:X17 ZTIMS:T
				ZDF16:a ZDF34:e ZUTCLONG:p ZUTCSECOND:n ZUTCMINUTE:w ZDTDAY:d ZDTWEEK:7 ZDTMONTH:x ZTSECOND:t ZTMINUTE:i ZCDAY:c`)
			d.Structure("ZTYPES_DEEP", "ID:I NAME:C20 TEXT:g BYTES:y FLAT:{ZTYPES_FLAT} ROWS:[ZTYPES_FLAT] WORDS:[C10] NOTES:[g]")
			d.Table("ZTYPES_FLAT_T", "{ZTYPES_FLAT}")
			d.Table("ZTYPES_DEEP_T", "{ZTYPES_DEEP}")
			d.Table("ZTYPES_RAW_T", "X10")
			d.Table("ZTYPES_INT_T", "I")
			d.Table("ZTYPES_TEXT_T", "g")
			d.Table("ZTYPES_UTC_T", "p")
		},
		modules: []definition{
			{name: "Z_ECHO_TYPES", group: "ZECHO", text: "Echo values of every type", serve: echo, basXML: true, interfaceText: `
				EXPORTING EV_BYTE:X17                      " Echo of IV_BYTE
				EXPORTING EV_CHAR:C30                      " Echo of IV_CHAR
				EXPORTING EV_DATE:D                        " Echo of IV_DATE
				EXPORTING EV_DEC:P8.2                      " Echo of IV_DEC
				EXPORTING EV_FLOAT:F                       " Echo of IV_FLOAT
				EXPORTING EV_INT1:b                        " Echo of IV_INT1
				EXPORTING EV_INT2:s                        " Echo of IV_INT2
				EXPORTING EV_INT4:I                        " Echo of IV_INT4
				EXPORTING EV_INT8:8                        " Echo of IV_INT8
				EXPORTING EV_NUMC:N10                      " Echo of IV_NUMC
				EXPORTING EV_STRING:g                      " Echo of IV_STRING
				EXPORTING EV_TIME:T                        " Echo of IV_TIME
				EXPORTING EV_XSTRING:y                     " Echo of IV_XSTRING
				EXPORTING EV_CDAY:c                        " Echo of IV_CDAY
				EXPORTING EV_DF16:a                        " Echo of IV_DF16
				EXPORTING EV_DF34:e                        " Echo of IV_DF34
				EXPORTING EV_DTDAY:d                       " Echo of IV_DTDAY
				EXPORTING EV_DTMONTH:x                     " Echo of IV_DTMONTH
				EXPORTING EV_DTWEEK:7                      " Echo of IV_DTWEEK
				EXPORTING EV_TMINUTE:i                     " Echo of IV_TMINUTE
				EXPORTING EV_TSECOND:t                     " Echo of IV_TSECOND
				EXPORTING EV_UTCLONG:p                     " Echo of IV_UTCLONG
				EXPORTING EV_UTCMINUTE:w                   " Echo of IV_UTCMINUTE
				EXPORTING EV_UTCSECOND:n                   " Echo of IV_UTCSECOND
				EXPORTING ES_DEEP:{ZTYPES_DEEP}            " Echo of IS_DEEP
				EXPORTING ES_OUTPUT:{ZTYPES_FLAT}          " Echo of IS_INPUT
				EXPORTING ET_DEEP:[ZTYPES_DEEP_T]          " Echo of IT_DEEP
				EXPORTING ET_FLAT:[ZTYPES_FLAT_T]          " Echo of IT_FLAT
				EXPORTING ET_INT:[ZTYPES_INT_T]            " Echo of IT_INT
				EXPORTING ET_RAW:[ZTYPES_RAW_T]            " Echo of IT_RAW
				EXPORTING ET_TEXT:[ZTYPES_TEXT_T]          " Echo of IT_TEXT
				EXPORTING ET_UTC:[ZTYPES_UTC_T]            " Echo of IT_UTC
				IMPORTING IV_BYTE:X17 OPTIONAL             " Bytes
				IMPORTING IV_CHAR:C30 OPTIONAL             " Characters
				IMPORTING IV_DATE:D OPTIONAL               " Date
				IMPORTING IV_DEC:P8.2 OPTIONAL             " Packed number
				IMPORTING IV_FLOAT:F OPTIONAL              " Floating point number
				IMPORTING IV_INT1:b OPTIONAL               " Integer of 1 byte
				IMPORTING IV_INT2:s OPTIONAL               " Integer of 2 bytes
				IMPORTING IV_INT4:I OPTIONAL               " Integer of 4 bytes
				IMPORTING IV_INT8:8 OPTIONAL               " Integer of 8 bytes
				IMPORTING IV_NUMC:N10 OPTIONAL             " Digits
				IMPORTING IV_STRING:g OPTIONAL             " Text of any length
				IMPORTING IV_TIME:T OPTIONAL               " Time
				IMPORTING IV_XSTRING:y OPTIONAL            " Bytes of any length
				IMPORTING IV_CDAY:c OPTIONAL               " Day of any year
				IMPORTING IV_DF16:a OPTIONAL               " Decimal floating point of 16 digits
				IMPORTING IV_DF34:e OPTIONAL               " Decimal floating point of 34 digits
				IMPORTING IV_DTDAY:d OPTIONAL              " Day
				IMPORTING IV_DTMONTH:x OPTIONAL            " Month
				IMPORTING IV_DTWEEK:7 OPTIONAL             " Week
				IMPORTING IV_TMINUTE:i OPTIONAL            " Time of day in minutes
				IMPORTING IV_TSECOND:t OPTIONAL            " Time of day in seconds
				IMPORTING IV_UTCLONG:p OPTIONAL            " Time stamp in 100 ns
				IMPORTING IV_UTCMINUTE:w OPTIONAL          " Time stamp in minutes
				IMPORTING IV_UTCSECOND:n OPTIONAL          " Time stamp in seconds
				IMPORTING IS_DEEP:{ZTYPES_DEEP} OPTIONAL   " Structure with texts and tables
				IMPORTING IS_INPUT:{ZTYPES_FLAT} OPTIONAL  " Structure of fixed width
				IMPORTING IT_DEEP:[ZTYPES_DEEP_T] OPTIONAL " Table with texts and tables
				IMPORTING IT_FLAT:[ZTYPES_FLAT_T] OPTIONAL " Table of fixed width
				IMPORTING IT_INT:[ZTYPES_INT_T] OPTIONAL   " Table of integers
				IMPORTING IT_RAW:[ZTYPES_RAW_T] OPTIONAL   " Table of bytes
				IMPORTING IT_TEXT:[ZTYPES_TEXT_T] OPTIONAL " Table of texts
				IMPORTING IT_UTC:[ZTYPES_UTC_T] OPTIONAL   " Table of time stamps
				CHANGING  CV_TEXT:g OPTIONAL               " Comes back as it is
				CHANGING  CT_FLAT:[ZTYPES_FLAT_T] OPTIONAL " Comes back as it is
				TABLES    T_DEEP:[ZTYPES_DEEP]             " Comes back as it is
				TABLES    T_FLAT:[ZTYPES_FLAT]             " Comes back as it is
				TABLES    T_RAW:[ZTYPES_RAW_T]             " Comes back as it is`},
			{name: "SCP_STRING_ECHO", group: "SCPR", text: "Echo a text", serve: echo, interfaceText: `
				EXPORTING EXP:g                            " The text again
				IMPORTING IMP:g                            " A text`},
		},
	}
}

// echoed gives the output that repeats an input: EV_ of IV_, ES_ of IS_, ET_ of IT_, and
// the two whose names follow no rule.
func echoed(input string) string {
	switch {
	case input == "IMP":
		return "EXP"
	case input == "IS_INPUT":
		return "ES_OUTPUT"
	case len(input) > 1 && input[0] == 'I':
		return "E" + input[1:]
	}
	return input
}

// echo returns every input that was supplied, as a dynamic handler does: by name and
// without a Go type for the parameters.
func echo(_ context.Context, _ *System, req *rfc.Request, reply *rfc.Reply) error {
	f := req.Interface()
	for i := range f.Parameters {
		p := &f.Parameters[i]
		if !p.Direction.Input() || !req.Supplied(p.Name) {
			continue
		}
		v, err := req.Value(p.Name)
		if err != nil {
			return err
		}
		reply.SetValue(echoed(p.Name), v)
	}
	return nil
}
