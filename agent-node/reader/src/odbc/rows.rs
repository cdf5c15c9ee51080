//! The rows of a query, some at a time into buffers of one size: memory stays bounded however long the table is.
//!
//! Every value is asked for as text in UTF-16, which all drivers have on all systems, whatever the language of the machine.
//! So decimals keep their digits, and none passes through a float here.

use messages::reader::{Column, MOST_VALUE, Row};
use odbc_api::buffers::{ColumnarBuffer, TextColumn};
use odbc_api::{Connection, Cursor, Error, ResultSetMetadata};

use agent_reader::{Stop, Teller};

use crate::fault::{self, While};
use crate::layout::{self, Form, Room};

type Buffer = ColumnarBuffer<TextColumn<u16>>;

pub(crate) fn read<W: std::io::Write>(
    connection: &Connection<'_>,
    query: &str,
    query_s: u32,
    with_rows: bool,
    teller: &mut Teller<W>,
) -> Result<(), Stop> {
    let told = |error: Error| Stop::from(fault::of(&error, While::Asking));
    let mut prepared = connection.prepare(query).map_err(told)?;
    // Not every driver has it; the agent looks at the clock, too.
    let _not_known = prepared.set_query_timeout_sec(usize::try_from(query_s).unwrap_or(usize::MAX));
    if !with_rows {
        let (columns, _) = described(&mut prepared).map_err(told)?;
        return teller.columns(columns);
    }
    let Some(mut cursor) = prepared.execute(()).map_err(told)? else { return teller.columns(Vec::new()) };
    let (columns, rooms) = described(&mut cursor).map_err(told)?;
    let any = !columns.is_empty();
    teller.columns(columns)?;
    if !any {
        return Ok(());
    }
    let rows = layout::rows(&rooms);
    let buffers = (1_u16..).zip(&rooms).map(|(at, room)| (at, TextColumn::new(rows, room.most + 1)));
    let mut blocks = cursor.bind_buffer(Buffer::new(buffers.collect())).map_err(told)?;
    while let Some(block) = blocks.fetch().map_err(told)? {
        for at in 0..block.num_rows() {
            teller.row(row(block, &rooms, at))?;
        }
    }
    Ok(())
}

fn described(of: &mut impl ResultSetMetadata) -> Result<(Vec<Column>, Vec<Room>), Error> {
    let count = u16::try_from(of.num_result_cols()?).unwrap_or(0);
    let (mut columns, mut rooms) = (Vec::new(), Vec::new());
    for at in 1..=count {
        let display = of.col_display_size(at).ok().flatten();
        let room = layout::room(of.col_data_type(at)?, display.map(Into::into));
        columns.push(Column { name: of.col_name(at)?, number: room.form == Form::Number });
        rooms.push(room);
    }
    Ok((columns, rooms))
}

fn row(block: &Buffer, rooms: &[Room], at: usize) -> Row {
    let mut row = Row::default();
    for (column, room) in rooms.iter().enumerate() {
        let Some(units) = block.column(column).get(at) else {
            row.values.push(None);
            continue;
        };
        let refusal = match room.form {
            Form::Binary => Some("holds binary data".to_owned()),
            _ if units.len() > room.most => {
                Some(format!("has more than {} characters", room.most.min(MOST_VALUE)))
            }
            _ => None,
        };
        let text = if refusal.is_some() { String::new() } else { String::from_utf16_lossy(units) };
        row.values.push(Some(layout::value(room.form, text)));
        row.refused.extend(refusal.map(|why| (column, why)));
    }
    row
}
