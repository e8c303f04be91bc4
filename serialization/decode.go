package serialization

import (
	"encoding/binary"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/metadata"
)

// arena gives memory for the texts of rows. Chunks are filled once and never reused, so
// strings may point into them; one string keeps its whole chunk alive.
type arena struct {
	free []byte
	size int // of the next chunk
}

// reserve makes room for n bytes.
func (a *arena) reserve(n int) {
	if len(a.free) < n {
		a.grow(n)
	}
}

// grow starts a new chunk. Chunks double up to arenaChunk, so that small results stay small.
func (a *arena) grow(n int) {
	a.size = min(max(2*a.size, 1024), arenaChunk)
	a.free = make([]byte, max(n, a.size))
}

// str turns the first n bytes of the free memory into a string.
func (a *arena) str(n int) string {
	if n == 0 {
		return ""
	}
	// The bytes are written before and never again: free starts behind them from here on.
	s := unsafe.String(&a.free[0], n)
	a.free = a.free[n:]
	return s
}

// decodeRow reads a row, at least the used width, into the Go struct at base. Fields that
// the structure does not have are left alone.
func (p *structPlan) decodeRow(row []byte, base unsafe.Pointer, a *arena) error {
	a.reserve(p.textRoom)
	for i := range p.flat {
		o := &p.flat[i]
		src := row[o.off : o.off+o.width]
		to := unsafe.Add(base, o.mem)
		switch o.code {
		case opTextLE:
			if n, ok := cellText(a.free, src); ok {
				*(*string)(to) = a.str(n)
				continue
			}
		case opAlpha:
			if n, ok := cellText(a.free, src); ok {
				*(*string)(to) = alphaOut(a.str(n))
				continue
			}
		case opInt4LE:
			*(*int32)(to) = int32(binary.LittleEndian.Uint32(src))
			continue
		case opDate:
			if p.mode == textUTF16LE {
				if d, ok := cellDate(src); ok {
					*(*abap.Date)(to) = d
					continue
				}
			}
		case opDecimal:
			d, err := abap.DecodePacked(src, int(o.decimals))
			if err == nil {
				*(*abap.Decimal)(to) = d
				continue
			}
		default:
		}
		if err := p.decodeOp(src, o.op, to, a); err != nil {
			return at(o.op.path, err)
		}
	}
	return nil
}

// decodeOp reads one flat value.
func (c *coder) decodeOp(src []byte, o *op, to unsafe.Pointer, a *arena) error {
	f := o.cell.f
	switch o.code {
	case opTextLE, opText:
		if o.kind == metadata.Char && !c.KeepBlanks {
			src = c.trim(src)
		}
		a.reserve(3 * len(src))
		if c.mode == textUTF16LE {
			if n, err := codepage.DecodeUTF16LEInto(a.free, src); err == nil {
				*(*string)(to) = a.str(n)
				return nil
			}
		}
		if c.mode == textOther && c.Text.Plain(src) {
			*(*string)(to) = a.str(copy(a.free, src))
			return nil
		}
		s, err := c.decodeText(a.free[:0], src)
		if err != nil {
			return textError(f, "", err)
		}
		if len(s) > 0 && len(s) <= len(a.free) && &s[0] == &a.free[0] {
			*(*string)(to) = a.str(len(s))
		} else {
			*(*string)(to) = string(s)
		}
		return nil
	case opInt, opInt4LE:
		n := c.decodeInt(src, o.kind)
		if !writeInt(o.gk, to, n) {
			return refusef(f, Overflow, strconv.FormatInt(n, 10), "%d does not fit go type %s", n, o.typ)
		}
		return nil
	case opFloat:
		*(*float64)(to) = math.Float64frombits(c.order().Uint64(src))
		return nil
	case opBytes:
		*(*[]byte)(to) = append([]byte{}, src...)
		return nil
	case opDate:
		d, err := c.decodeDate(src, f)
		if err != nil {
			return err
		}
		*(*abap.Date)(to) = d
		return nil
	case opTime:
		t, err := c.decodeTime(src, f)
		if err != nil {
			return err
		}
		*(*abap.Time)(to) = t
		return nil
	case opDecimal:
		d, err := decodePacked(src, f)
		if err != nil {
			return err
		}
		*(*abap.Decimal)(to) = d
		return nil
	case opDecFloat:
		d, err := c.decodeDecFloat(src, f)
		if err != nil {
			return err
		}
		*(*abap.Decimal)(to) = d
		return nil
	case opTimestamp:
		t, err := abap.TimestampFromRaw(c.signed(src), precision(o.kind))
		if err != nil {
			return abapError(f, err)
		}
		*(*abap.Timestamp)(to) = t
		return nil
	case opTemporal:
		return temporalFromRaw(f, c.signed(src), to)
	case opStruct:
		return o.sub.decodeRow(src, to, a)
	case opPointer:
		v := reflect.New(o.typ.Elem())
		if err := c.decodeOp(src, o.inner, v.UnsafePointer(), a); err != nil {
			return err
		}
		reflect.NewAt(o.typ, to).Elem().Set(v)
		return nil
	case opSlow:
		v, err := c.decode(src, o.cell)
		if err != nil {
			return err
		}
		return o.store(to, v)
	default:
		return refusef(f, WrongType, "", "go type %s cannot hold it", o.typ) // strings and tables have no cell
	}
}

// assign stores a value of the default Go type in a Go location of another type.
func assign(f *metadata.Field, to reflect.Value, v any) error {
	t := to.Type()
	if t == anyType {
		to.Set(reflect.ValueOf(v))
		return nil
	}
	if vt := reflect.TypeOf(v); vt == t || t != numberType && vt != nil && vt.Kind() == t.Kind() && vt.ConvertibleTo(t) && vt.Kind() != reflect.Struct && vt.Kind() != reflect.Slice {
		to.Set(reflect.ValueOf(v).Convert(t))
		return nil
	}
	switch t {
	case recordType, tableType:
		return assignRecord(f, to, v)
	case goTimeType:
		x, err := goTime(f, v)
		if err != nil {
			return err
		}
		to.Set(reflect.ValueOf(x))
		return nil
	case numberType:
		if s, ok := v.(string); ok {
			n, err := numcInt(f, s)
			if err != nil {
				return err
			}
			to.SetString(strconv.FormatInt(n, 10))
			return nil
		}
		to.SetString(numberText(v))
		return nil
	}
	if t.Kind() == reflect.Slice && t.Elem() == recordType && f.Kind == metadata.Table {
		to.Set(reflect.ValueOf(tableOf(shapeOf(f.Type, Options{}), v).rows).Convert(t))
		return nil
	}
	switch x := v.(type) {
	case string: // NUMC into an integer
		n, err := numcInt(f, x)
		if err != nil {
			return err
		}
		return assignInt(f, to, n)
	case abap.Date, abap.Timestamp, abap.Week, abap.Month, abap.MonthDay:
		if t.Kind() == reflect.String {
			to.SetString(timeText(f, x))
			return nil
		}
	case abap.Time, abap.TimeOfDay:
		switch {
		case t == durationType:
			d, err := goDuration(f, x)
			if err == nil {
				to.SetInt(int64(d))
			}
			return err
		case t.Kind() == reflect.String:
			to.SetString(timeText(f, x))
			return nil
		}
	case abap.Decimal:
		return assignDecimal(f, to, x)
	case []byte:
		switch t.Kind() {
		case reflect.Slice:
			to.SetBytes(x)
			return nil
		case reflect.Array:
			if len(x) > t.Len() {
				return refusef(f, TooLong, "", "%d bytes do not fit go type %s", len(x), t)
			}
			to.SetZero()
			reflect.Copy(to, reflect.ValueOf(x))
			return nil
		default:
		}
	case Params:
		if t == mapType {
			to.Set(reflect.ValueOf(map[string]any(x)))
			return nil
		}
	case int32:
		return assignInt(f, to, int64(x))
	case int16:
		return assignInt(f, to, int64(x))
	case uint8:
		return assignInt(f, to, int64(x))
	case int64:
		return assignInt(f, to, x)
	case float64:
		return assignFloat(f, to, x)
	}
	return refusef(f, WrongType, "", "go type %s cannot hold it", t)
}

func numberText(v any) string {
	switch x := v.(type) {
	case abap.Decimal:
		return x.String()
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case int32:
		return strconv.FormatInt(int64(x), 10)
	case int16:
		return strconv.FormatInt(int64(x), 10)
	case uint8:
		return strconv.FormatInt(int64(x), 10)
	case int64:
		return strconv.FormatInt(x, 10)
	}
	return "0"
}

func assignInt(f *metadata.Field, to reflect.Value, n int64) error {
	fits := false
	switch k := to.Kind(); {
	case k >= reflect.Int && k <= reflect.Int64:
		if fits = !to.OverflowInt(n); fits {
			to.SetInt(n)
		}
	case k >= reflect.Uint && k <= reflect.Uint64:
		if fits = n >= 0 && !to.OverflowUint(uint64(n)); fits {
			to.SetUint(uint64(n))
		}
	case k == reflect.Float64:
		if fits = int64(float64(n)) == n && n < 1<<62; fits {
			to.SetFloat(float64(n))
		}
	case k == reflect.Float32:
		if fits = n < 1<<24 && n > -1<<24; fits {
			to.SetFloat(float64(n))
		}
	default:
		return refusef(f, WrongType, "", "go type %s cannot hold it", to.Type())
	}
	if !fits {
		return refusef(f, Overflow, strconv.FormatInt(n, 10), "%d does not fit go type %s", n, to.Type())
	}
	return nil
}

func assignFloat(f *metadata.Field, to reflect.Value, x float64) error {
	if to.Kind() == reflect.Float32 || to.Kind() == reflect.Float64 {
		if to.OverflowFloat(x) {
			return refusef(f, Overflow, show(x), "%v does not fit go type %s", x, to.Type())
		}
		to.SetFloat(x)
		return nil
	}
	n, _, err := integralFloat(f, x)
	if err != nil {
		return err
	}
	return assignInt(f, to, n)
}

func assignDecimal(f *metadata.Field, to reflect.Value, d abap.Decimal) error {
	switch k := to.Kind(); {
	case k == reflect.String:
		to.SetString(decimalString(f, d))
		return nil
	case to.Type() == bigIntType:
		r := d.Rat()
		if r == nil || !r.IsInt() {
			return refuse(f, TooManyDecimals, d.String(), "it is not an integer")
		}
		to.Set(reflect.ValueOf(*new(big.Int).Set(r.Num())))
		return nil
	case k == reflect.Float64 || k == reflect.Float32:
		return refuse(f, WrongType, d.String(), "decimals are not read into binary floats; use abap.Decimal or string")
	}
	n, err := decimalInt64(f, d)
	if err != nil {
		return err
	}
	return assignInt(f, to, n)
}
