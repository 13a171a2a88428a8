"""Culling: signals, embeddings, clusters, suggestions, what people did, and what is learnt from it.

Revision: 0003_culling
After: 0002_assets
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_culling"
down_revision = "0002_assets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    _signals()
    _embeddings()
    _clusters()
    _suggestions()
    _culling()
    _rankers()
    _counts()


def _signals() -> None:
    op.create_table(
        "asset_signals",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("signals_version", sa.SmallInteger(), nullable=False),
        sa.Column("descriptors_version", sa.SmallInteger(), nullable=False),
        sa.Column("signals", postgresql.JSONB(), nullable=False),
        sa.Column("tile_rows", sa.SmallInteger(), nullable=False),
        sa.Column("tile_columns", sa.SmallInteger(), nullable=False),
        sa.Column("tiles", sa.LargeBinary(), nullable=False),
        sa.Column("descriptors", sa.LargeBinary(), nullable=False),
        sa.Column("faces", postgresql.JSONB(), nullable=True),
        sa.Column("face_models", sa.Text(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_asset_signals_asset",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("asset_id", name="pk_asset_signals"),
    )
    op.create_index("ix_asset_signals_project_id", "asset_signals", ["project_id"], unique=False)
    # compressed already, or noise to a compressor
    op.execute("ALTER TABLE asset_signals ALTER descriptors SET STORAGE EXTERNAL, ALTER tiles SET STORAGE EXTERNAL")


def _embeddings() -> None:
    op.create_table(
        "embedding_spaces",
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("dim", sa.SmallInteger(), nullable=False),
        sa.Column("learned", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_embedding_spaces"),
    )
    op.create_index(
        "uq_embedding_spaces_building",
        "embedding_spaces",
        ["learned"],
        unique=True,
        postgresql_where=sa.text("learned AND state = 'building'"),
    )
    op.create_index(
        "uq_embedding_spaces_serving",
        "embedding_spaces",
        ["learned"],
        unique=True,
        postgresql_where=sa.text("learned AND state = 'serving'"),
    )
    op.create_table(
        "asset_embeddings",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("space", sa.String(120), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_asset_embeddings_asset",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["space"], ["embedding_spaces.name"], name="fk_asset_embeddings_space", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_id", "space", name="pk_asset_embeddings"),
    )
    op.create_index("ix_asset_embeddings_project_id_space", "asset_embeddings", ["project_id", "space"], unique=False)
    op.create_table(
        "models_in_use",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_models_in_use"),
    )
    op.execute("ALTER TABLE asset_embeddings ALTER vector SET STORAGE EXTERNAL")
    op.execute(
        "INSERT INTO embedding_spaces (name, model, dim, learned, state, created_at, updated_at)"
        " VALUES ('concept-v1', 'concept-v1', 64, false, 'serving', now(), now())"
    )


def _clusters() -> None:
    op.create_table(
        "groupings",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("grouped_revision", sa.BigInteger(), nullable=True),
        sa.Column("grouped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asset_count", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("clock_offsets", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_groupings_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", name="pk_groupings"),
    )
    op.create_table(
        "clusters",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sort_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("kept_set", sa.String(32), nullable=True),
        sa.Column("set_evidence", postgresql.JSONB(), nullable=False),
        sa.Column("winner_asset_id", sa.Uuid(), nullable=True),
        sa.Column("winner_by", sa.Uuid(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("size > 0", name="ck_clusters_size"),
        sa.ForeignKeyConstraint(
            ["project_id", "parent_id"],
            ["clusters.project_id", "clusters.id"],
            name="fk_clusters_parent",
            ondelete="SET NULL (parent_id)",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "winner_asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_clusters_winner",
            ondelete="SET NULL (winner_asset_id)",
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_clusters_project_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reviewed_by"], ["users.id"], name="fk_clusters_reviewed_by", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["winner_by"], ["users.id"], name="fk_clusters_winner_by", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_clusters"),
        sa.UniqueConstraint("project_id", "id", name="uq_clusters_project_id_id"),
    )
    op.create_index("ix_clusters_order", "clusters", ["project_id", "kind", "sort_at", "id"], unique=False)
    op.create_index("ix_clusters_order_of_all", "clusters", ["project_id", "sort_at", "id"], unique=False)
    op.create_index("ix_clusters_parent_id", "clusters", ["parent_id"], unique=False)
    op.create_index("ix_clusters_winner_asset_id", "clusters", ["winner_asset_id"], unique=False)
    op.create_table(
        "cluster_members",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("link_asset_id", sa.Uuid(), nullable=True),
        sa.Column("link_gap_s", sa.Double(), nullable=True),
        sa.Column("link_look", sa.Double(), nullable=True),
        sa.Column("link_score", sa.Double(), nullable=True),
        sa.Column("link_reasons", sa.SmallInteger(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_cluster_members_asset",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "cluster_id"],
            ["clusters.project_id", "clusters.id"],
            name="fk_cluster_members_cluster",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("asset_id", "kind", name="pk_cluster_members"),
    )
    op.create_index("ix_cluster_members_cluster_id", "cluster_members", ["cluster_id", "place"], unique=False)
    op.create_index("ix_cluster_members_project_id", "cluster_members", ["project_id"], unique=False)


def _suggestions() -> None:
    op.create_table(
        "suggestions",
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("asset_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("scores", postgresql.ARRAY(sa.DOUBLE_PRECISION()), nullable=False),
        sa.Column("probabilities", postgresql.ARRAY(sa.DOUBLE_PRECISION()), nullable=False),
        sa.Column("band", sa.String(32), nullable=False),
        sa.Column("chips", postgresql.JSONB(), nullable=False),
        sa.Column("rest", sa.Double(), nullable=False),
        sa.Column("rest_margin", sa.Double(), nullable=False),
        sa.Column("basis", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "cluster_id"],
            ["clusters.project_id", "clusters.id"],
            name="fk_suggestions_cluster",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_suggestions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_suggestions"),
    )
    op.create_index("ix_suggestions_project_id", "suggestions", ["project_id"], unique=False)
    op.create_index(
        "ix_suggestions_user_id",
        "suggestions",
        ["user_id"],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_index(
        "uq_suggestions_cluster_id",
        "suggestions",
        ["cluster_id", "user_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )


def _culling() -> None:
    op.create_table(
        "cull_actions",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("asset_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("asset_count", sa.Integer(), nullable=False),
        sa.Column("cluster_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("focus_asset_id", sa.Uuid(), nullable=True),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("decision", postgresql.JSONB(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_cull_actions_project_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_cull_actions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_cull_actions"),
        sa.UniqueConstraint("project_id", "id", name="uq_cull_actions_project_id_id"),
    )
    op.create_index(
        "ix_cull_actions_decisions",
        "cull_actions",
        ["project_id", "seq"],
        unique=False,
        postgresql_where=sa.text("decision IS NOT NULL"),
    )
    op.create_index("ix_cull_actions_own", "cull_actions", ["project_id", "user_id", "state", "seq"], unique=False)


def _rankers() -> None:
    op.create_table(
        "consents",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_consents_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    op.create_index(
        "uq_consents_open",
        "consents",
        ["user_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "picks",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("action_id", sa.Uuid(), nullable=True),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_force", sa.Boolean(), nullable=False),
        sa.Column("basis", sa.String(32), nullable=False),
        sa.Column("asset_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("picked", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("rejected", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("suggested_asset_id", sa.Uuid(), nullable=True),
        sa.Column("band", sa.String(32), nullable=True),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("regret", sa.Double(), nullable=True),
        sa.Column("features_version", sa.SmallInteger(), nullable=True),
        sa.Column("values", sa.LargeBinary(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["cull_actions.id"], name="fk_picks_action_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_picks_project_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_picks_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_picks"),
    )
    op.create_index("ix_picks_action_id", "picks", ["action_id"], unique=False)
    op.create_index("ix_picks_project_id", "picks", ["project_id", "user_id"], unique=False)
    op.create_index(
        "ix_picks_latest",
        "picks",
        ["user_id", "cluster_id", "at", "id"],
        unique=False,
    )
    op.create_table(
        "rankers",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("reset_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("posterior", postgresql.JSONB(), nullable=True),
        sa.Column("temperature", sa.Double(), nullable=True),
        sa.Column("picks", sa.Integer(), nullable=False),
        sa.Column("held_out", sa.Integer(), nullable=False),
        sa.Column("gain", sa.Double(), nullable=False),
        sa.Column("features_version", sa.SmallInteger(), nullable=True),
        sa.Column("learnt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_rankers_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_rankers"),
    )


def _counts() -> None:
    """A project's statistics count what is aside, and what is not done, without walking over all the rest."""
    op.create_index(
        "ix_assets_aside",
        "assets",
        ["project_id", "id"],
        postgresql_where=sa.text(
            "trashed_at IS NOT NULL OR parent_id IS NOT NULL OR status <> 'ready' OR format = 'xmp'"
        ),
    )
    op.create_index(
        "ix_clusters_reviewed", "clusters", ["project_id"], postgresql_where=sa.text("reviewed_at IS NOT NULL")
    )
    op.create_index(
        "ix_jobs_unfinished",
        "jobs",
        ["project_id", "status"],
        postgresql_where=sa.text("status IN ('queued', 'running', 'failed')"),
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_unfinished", "jobs")
    op.drop_index("ix_assets_aside", "assets")
    op.drop_table("picks")
    op.drop_table("rankers")
    op.drop_table("consents")
    op.drop_table("cull_actions")
    op.drop_table("suggestions")
    op.drop_table("cluster_members")
    op.drop_table("clusters")
    op.drop_table("groupings")
    op.drop_table("models_in_use")
    op.drop_table("asset_embeddings")
    op.drop_table("embedding_spaces")
    op.drop_table("asset_signals")
