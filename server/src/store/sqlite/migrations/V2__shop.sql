CREATE TABLE item (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
    currency    TEXT    NOT NULL,
    emoji       TEXT    NOT NULL
) STRICT;

CREATE TABLE cart_item (
    user_id  TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    item_id  INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    added_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, item_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX cart_item_by_item ON cart_item (item_id);

INSERT INTO item (id, name, description, price_cents, currency, emoji) VALUES
    (1,  'Stoneware teapot',   'Holds four cups and pours without a drip.',              3490, 'EUR', '🫖'),
    (2,  'Morning mug',        'Thick rim, wide handle, room for a proper coffee.',      1290, 'EUR', '☕'),
    (3,  'Wool blanket',       'Woven from undyed wool; warm on a balcony in October.',  6900, 'EUR', '🧶'),
    (4,  'Beeswax candle',     'Burns for thirty hours and smells faintly of honey.',     990, 'EUR', '🕯️'),
    (5,  'Potted monstera',    'Forgives a missed watering, or three.',                  2450, 'EUR', '🪴'),
    (6,  'Paper notebook',     '160 dotted pages that lie flat when opened.',            1150, 'EUR', '📓'),
    (7,  'Fountain pen',       'A fine steel nib that starts at the first stroke.',      2800, 'EUR', '🖋️'),
    (8,  'Forest honey',       'From one valley and one summer; 500 g.',                  890, 'EUR', '🍯'),
    (9,  'Dark chocolate',     '72 % cocoa with a little sea salt.',                      420, 'EUR', '🍫'),
    (10, 'Sourdough loaf',     'Baked this morning; better tomorrow.',                    560, 'EUR', '🍞'),
    (11, 'Canvas tote',        'Carries everything above at once.',                      1490, 'EUR', '👜'),
    (12, 'Picnic basket',      'Willow, lined with linen, for two or for one very hungry.', 4900, 'EUR', '🧺');
